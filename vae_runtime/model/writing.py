"""Writing a model folder so that at every instant it holds the old model or the new one, never neither, never a mix.

A model never takes the place of another one, of another pair_id, unless the caller says so: its graphs are gone then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError, ManifestError
from ..files import new_file, sync_directory, write_file
from . import manifest as manifests
from .manifest import FILE_NAME, Manifest, ModelFile

# What this writer calls its files, with or without a hash.
_OURS = re.compile(r"(encoder|decoder|detector|prior_sample|prior_log_prob|golden|samples)[.-].*|\..*\.tmp")


def describe(name: str, content: bytes) -> ModelFile:
    """The manifest's entry for a file."""
    return ModelFile(file=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def check_target(
    folder: Path, incoming: Manifest | None = None, *, replace: bool = False, meant: str = "take a new folder"
) -> None:
    """Refuse, before any work is done, a place where a model cannot or should not be written.

    incoming: the model to write; None where it is not known yet. replace: it may take the place of another model, or of
    one that cannot be read. meant: what the caller probably wanted instead, with the command that does it.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder of a model.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FILE_NAME).exists():
        raise InputError(f"{folder} is not empty and holds no model; give a new folder, or that of a model to replace.")
    if replace or not (folder / FILE_NAME).exists():
        return
    try:
        old = manifests.read(folder)
    except ManifestError as error:
        raise InputError(f"{folder} holds a model that cannot be read ({error}): {meant}, or add --replace.") from None
    if incoming is not None and incoming.pair_id != old.pair_id:
        raise InputError(
            f"{folder} holds another model, {old.name!r} ({old.pair_id}), and {incoming.name!r} ({incoming.pair_id}) "
            f"would take its place: {meant}; to replace it, add --replace."
        )


def write_model(
    folder: Path,
    manifest: Manifest,
    contents: Mapping[str, bytes],
    *,
    replace: bool = False,
    meant: str = "take a new folder",
) -> None:
    """Write the files that the manifest names, and the manifest, as one change; `check_target` says where.

    A new folder is written aside and renamed. In an existing one, files whose name is taken by other content get a name
    with their hash, the manifest goes over in one rename, and only then the old model's files are removed: whatever
    instant the power fails, a manifest stands there with all graphs that it names. The card (README.md) keeps its name
    and may for that instant be the other model's.
    """
    check_target(folder, manifest, replace=replace, meant=meant)
    if not folder.exists():
        _write_new(folder, manifest, contents)
        return
    old = _names(folder)
    renamed = {file.file: _free_name(folder, file) for file in manifest.files if file not in manifest.card}
    manifest = _with_names(manifest, renamed)
    for name, new_name in renamed.items():
        write_file(folder / new_name, contents[name])
    with contextlib.ExitStack() as cards:  # on the disk before the manifest is, so that a full one keeps the old model
        for card in manifest.card:
            file = cards.enter_context(new_file(folder / card.file))
            file.write(contents[card.file])
            file.flush()
            os.fsync(file.fileno())
        write_file(folder / FILE_NAME, manifest.to_json().encode())
    _remove_others(folder, old, keep={file.file for file in manifest.files})


def _write_new(folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for file in manifest.files:
            write_file(temporary / file.file, contents[file.file])
        write_file(temporary / FILE_NAME, manifest.to_json().encode())
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(folder.parent)


def _remove_others(folder: Path, old: set[str], *, keep: set[str]) -> None:
    """Remove the old model's files, and those that an interrupted replacement has left behind."""
    for path in folder.iterdir():
        if path.name not in keep and path.is_file() and (path.name in old or _OURS.fullmatch(path.name)):
            with contextlib.suppress(OSError):
                path.unlink()


def _names(folder: Path) -> set[str]:
    """What the model there now is made of; a manifest that cannot be read owns nothing."""
    with contextlib.suppress(Exception):
        return {file.file for file in manifests.read(folder).files}
    return set()


def _free_name(folder: Path, file: ModelFile) -> str:
    path = folder / file.file
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256:
        return file.file
    stem, suffix = os.path.splitext(file.file)
    stem = re.sub("-[0-9a-f]{12}$", "", stem)  # of an earlier content: names that grew would be too long in the end
    return f"{stem}-{file.sha256[:12]}{suffix}"


def _with_names(manifest: Manifest, names: Mapping[str, str]) -> Manifest:
    def renamed(file: ModelFile) -> ModelFile:
        return dataclasses.replace(file, file=names[file.file])

    graphs = {
        role: {precision: renamed(file) for precision, file in graph.items()} for role, graph in manifest.graphs.items()
    }
    golden = {
        precision: dataclasses.replace(golden, file=renamed(golden.file))
        for precision, golden in manifest.golden.items()
    }
    return dataclasses.replace(manifest, graphs=graphs, golden=golden)
