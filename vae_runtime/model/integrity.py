"""The bytes that a manifest promises: each file read once, its size and sha256 checked, and used from memory."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from .. import files
from ..errors import IntegrityError
from .gate import PRODUCER
from .manifest import FILE_NAME, Manifest, ModelFile
from .wire import producer


def read_file(folder: Path, file: ModelFile) -> bytes:
    """Read a file of a model and check it against the manifest; the caller uses these bytes and no others."""
    path = folder / file.file
    try:
        content = files.read_file(path, file.bytes)  # never more than promised, however long the file is
    except FileNotFoundError:
        raise IntegrityError(f"{path} is missing, though the manifest names it; copy the model again.") from None
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({error.strerror}).") from error
    if len(content) != file.bytes:
        size = f"{len(content):,}" if len(content) < file.bytes else f"more than {file.bytes:,}"
        raise IntegrityError(f"{path} has {size} bytes, the manifest says {file.bytes:,}; {_advice(content)}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise IntegrityError(
            f"{path} is not the file of this manifest (sha256 {digest[:12]}…, expected {file.sha256[:12]}…): "
            f"{_other_exporter(content) or 'damaged, edited, or of another model. Copy or download the model again.'}"
        )
    return content


class HeldFile:
    """A file of a model, held open: a child of a fork can read it when the model was replaced and its name is gone."""

    def __init__(self, folder: Path, file: ModelFile) -> None:
        """Open it where the system forks and has a handle left; it is closed when nothing needs it any more."""
        self._folder, self._file, self._handle = folder.absolute(), file, -1
        if hasattr(os, "fork"):
            with contextlib.suppress(OSError):
                self._handle = os.open(folder / file.file, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> bytes:
        """Its bytes, checked against the manifest."""
        with contextlib.suppress(OSError):
            content = files.read_handle(self._handle, self._file.bytes)
            if hashlib.sha256(content).hexdigest() == self._file.sha256:
                return content
        return read_file(self._folder, self._file)

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def unlisted_files(folder: Path, manifest: Manifest) -> list[str]:
    """Names in the folder that the manifest does not know; a `checkpoint` folder may lie beside a model.

    Hidden ones belong to systems and tools (.DS_Store, .gitattributes) and are left out; nothing reads them.
    """
    known = {FILE_NAME, "checkpoint", *(file.file for file in manifest.files)}
    return sorted(path.name for path in folder.iterdir() if path.name not in known and path.name[0] != ".")


def _advice(content: bytes) -> str:
    if content.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer. Try: git lfs pull."
    if content.lstrip()[:1] == b"<":
        return "it is a web page, not a model. Download it again."
    if exporter := _other_exporter(content):
        return exporter
    return "the copy was interrupted, or the file is of another model. Copy or download it again."


def _other_exporter(content: bytes) -> str:
    """What to say of a graph that somebody has put in the place of ours; "" for any other file."""
    maker = producer(content)
    if maker in ("", PRODUCER):
        return ""
    return f"it is a graph of another exporter ({maker[:40]!a}). Make models with vae export RUN MODEL."
