"""A model may be replaced while it is read: its manifest is read, then its files are gone. Then it is read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import IntegrityError
from .manifest import FILE_NAME

ATTEMPTS = 50
T = TypeVar("T")


def again_if_replaced(folder: Path, read: Callable[[], T]) -> T:
    """What `read` returns, which reads the manifest of `folder` and then files that it names.

    Where a file is not the manifest's, and the manifest was replaced since `read` began, it begins again.
    """
    for _ in range(ATTEMPTS):
        before = _state(folder)
        try:
            return read()
        except IntegrityError:
            if _state(folder) == before:
                raise
    raise IntegrityError(f"{folder} is replaced again and again while it is read; try later.")


def _state(folder: Path) -> tuple[int, int, int] | None:
    """What changes when another manifest is renamed into place, be it one that lay there before."""
    try:
        found = (folder / FILE_NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns
