"""Writing a model folder so that at every instant it holds the old model or the new one, never neither, never a mix.

A model never takes the place of another one, of another pair_id, unless the caller says so: its graphs are gone then.
Files that are not the old model's stay, whatever they are called. Nothing is written that would not read back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, IntegrityError, ManifestError
from ..files import new_file, new_folder, read_file, temporary_name, write_file, write_files
from . import manifest as manifests
from .limits import LARGE
from .lock import held_alone
from .manifest import FILE_NAME, LIMIT_BYTES, Manifest, ModelFile
from .ownership import holds, is_empty, left_behind, owned, says_it_is_a_model


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
    if not os.path.lexists(folder / FILE_NAME):
        if folder.is_dir() and not is_empty(folder):
            raise InputError(
                f"{folder} is not empty and holds no model; give a new folder, or that of a model to replace."
            )
        return
    try:
        old = manifests.read(folder, limits=LARGE)  # none of its files is read
    except ManifestError as error:
        if not says_it_is_a_model(folder):
            raise InputError(
                f"{folder} is not empty and holds no model: its {FILE_NAME} is another program's, or nothing of it is "
                "left. Give a new folder, or that of a model to replace."
            ) from None
        if replace:
            return
        raise InputError(f"{folder} holds a model that cannot be read ({error}): {meant}, or add --replace.") from None
    if not replace and incoming is not None and incoming.pair_id != old.pair_id:
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
    expected: str | None = None,
) -> None:
    """Write the files that the manifest names, and the manifest, as one change; `check_target` says where.

    A new folder is written aside and renamed. In an existing one, files whose name is taken by other content get a name
    with their hash, the manifest goes over in one rename, and only then the old model's files are removed: whatever
    instant the power fails, a manifest stands there with all graphs that it names. The card (README.md) keeps its name
    where that is free or the old card's, and may for that instant be the other model's.

    One writer at a time writes to a folder; another one waits. expected: the digest of the manifest that lies there
    now, "" for none, as `digest_of` gives it: if it is another one by then, IntegrityError. A manifest that could not
    be read back is a ManifestError, and contents that are not what it says an IntegrityError; nothing is written then.
    """
    _text(manifest)
    for file in manifest.files:
        if file.file not in contents or describe(file.file, contents[file.file]) != file:
            raise IntegrityError(f"{file.file} is not what the manifest says of it; nothing was written.")
    check_target(folder, manifest, replace=replace, meant=meant)
    folder = Path(os.path.realpath(folder))  # a link stays a link
    if not folder.exists() and _write_new(folder, manifest, contents):
        return
    with held_alone(folder) as alone:
        check_target(folder, manifest, replace=replace, meant=meant)  # another writer may have been here first
        if expected not in (None, manifests.digest_of(folder)):
            raise IntegrityError(f"{folder} was changed by another process meanwhile; nothing was written. Try again.")
        _replace(folder, manifest, contents, alone=alone)


def _text(manifest: Manifest) -> bytes:
    """The manifest as it is written, once the reader has read it back."""
    try:
        text = manifest.to_json()
        content = text.encode()
        if len(content) > LIMIT_BYTES:
            raise ManifestError(f"it would have {len(content):,} bytes, and at most {LIMIT_BYTES:,} are read")
        if json.loads(manifests.parse(text).to_json()) != json.loads(text):
            raise ManifestError("it would read back as another one")
    except (ManifestError, ValueError) as error:  # ValueError: a number that JSON does not have
        raise ManifestError(f"the manifest of {manifest.name!r} cannot be written ({error}).") from error
    return content


def _write_new(folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> bool:
    """Write a new folder; False where another process has made one of this name meanwhile."""
    try:
        with new_folder(folder) as temporary:
            write_files(temporary, {file.file: contents[file.file] for file in manifest.files})
            write_file(temporary / FILE_NAME, _text(manifest))
    except FileExistsError:
        if not folder.exists():  # what is there already is a file in the place of its parent
            raise
        return False
    return True


def _replace(folder: Path, manifest: Manifest, contents: Mapping[str, bytes], *, alone: bool) -> None:
    """Write into a folder that is there; alone: nobody else writes to it, so that unfinished files are nobody's."""
    old, cards = owned(folder), {card.file for card in manifest.card}
    names = {file.file: file.file if file.file in cards & old else _free_name(folder, file) for file in manifest.files}
    manifest = _with_names(manifest, names)
    text, kept = _text(manifest), {FILE_NAME, *names.values()}
    new = {name for name in kept if not os.path.lexists(folder / name)}
    gone = (old | (left_behind(folder, old | kept) if alone else set())) - kept
    note = temporary_name(folder / FILE_NAME)
    try:
        with contextlib.ExitStack() as written, new_file(folder / FILE_NAME) as file:
            # The new manifest under its temporary name, and a copy of the old one, say whose the files are if this is
            # the last that this process does. All is on the disk before the name is, so that a full one keeps the old.
            _put(file, text)
            if FILE_NAME not in new:
                with open(note, "xb") as copy:
                    copy.write(read_file(folder / FILE_NAME, LIMIT_BYTES))
            for name in (name for name in names if name not in cards):
                write_file(folder / names[name], contents[name])
            for name in sorted(cards):
                _put(written.enter_context(new_file(folder / names[name])), contents[name])
    except BaseException:
        if manifests.digest_of(folder) != hashlib.sha256(text).hexdigest():
            _remove(folder, {*new, note.name})
        raise
    _remove(folder, gone)
    _remove(folder, {note.name})  # last: it says whose the others were


def _put(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _free_name(folder: Path, file: ModelFile) -> str:
    """Its own name, or one with its hash where that is taken by other content."""
    stem, suffix = os.path.splitext(file.file)
    stem = re.sub("-[0-9a-f]{12,64}$", "", stem)  # of an earlier content: names that grew would be too long in the end
    names = [file.file, *(f"{stem}-{file.sha256[:digits]}{suffix}" for digits in (12, 24, 48))]
    for name in names:
        if not os.path.lexists(folder / name) or holds(folder, dataclasses.replace(file, file=name)):
            return name
    raise InputError(
        f"{folder} has files of other content by the names {', '.join(names)}; move them, or write elsewhere."
    )


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
    return dataclasses.replace(manifest, graphs=graphs, golden=golden, card=tuple(map(renamed, manifest.card)))
