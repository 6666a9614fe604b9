"""Which files of a folder are a model's. Whatever is not known to be one is somebody else's, and stays."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from .. import files
from ..errors import ManifestError
from . import manifest as manifests
from .limits import LARGE
from .manifest import FILE_NAME, FORMAT, LIMIT_BYTES, ModelFile

# A file entry as `to_json` writes it.
_ENTRY = re.compile(
    r'"file":\s*"([A-Za-z0-9_][A-Za-z0-9_.-]*)",\s*"bytes":\s*(\d{1,10}),\s*"sha256":\s*"([0-9a-f]{64})"'
)


def says_it_is_a_model(folder: Path) -> bool:
    """Whether the manifest there, be it damaged or of another version, says that it is of this format.

    Other programs call their files manifest.json too: browser extensions, web applications, add-ons.
    """
    text = _text(folder / FILE_NAME)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):  # torn, or longer than what is read of it
        return re.search(rf'"format"\s*:\s*"{FORMAT}"', text) is not None
    return isinstance(content, dict) and content.get("format") == FORMAT


def owned(folder: Path) -> set[str]:
    """Names of the files that the manifest there names; of a damaged one, those that are still as it says."""
    with contextlib.suppress(ManifestError):
        return {file.file for file in manifests.read(folder, limits=LARGE).files}
    return {file.file for file in _entries(folder / FILE_NAME) if holds(folder, file)}


def left_behind(folder: Path, names: Iterable[str] = ()) -> set[str]:
    """Names of what writers that were killed have left, none of which is at work any more.

    A writer lays its manifest, and the one that it replaces, beside them under temporary names before it writes or
    removes anything: what they describe is theirs if it is still as they say. names: further files of the model, whose
    temporary ones are a writer's too.
    """
    notes, names = files.temporaries(folder, [FILE_NAME]), {FILE_NAME, *names}
    described = [file for note in notes for file in _entries(note)]
    names |= {file.file for file in described}
    unfinished = {path.name for path in files.temporaries(folder, names)}
    return unfinished | {file.file for file in described if holds(folder, file)}


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but what a writer that was killed has left of a new model."""
    return not set(os.listdir(folder)) - left_behind(folder)


def holds(folder: Path, file: ModelFile) -> bool:
    """Whether the folder has a file of this name and content."""
    try:
        return hashlib.sha256(files.read_file(folder / file.file, file.bytes)).hexdigest() == file.sha256
    except OSError:
        return False


def _entries(path: Path) -> list[ModelFile]:
    """The files that the text of a manifest describes, whole or not."""
    return [ModelFile(file=name, bytes=int(size), sha256=hash) for name, size, hash in _ENTRY.findall(_text(path))]


def _text(path: Path) -> str:
    try:
        return files.read_file(path, LIMIT_BYTES).decode(errors="replace")
    except OSError:
        return ""
