"""A model may be replaced while it is read: its manifest is read, then its files are gone. Then it is read again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import IntegrityError
from .lock import held_alone
from .manifest import FILE_NAME

ATTEMPTS = 10
T = TypeVar("T")


def again_if_replaced(folder: Path, read: Callable[[], T]) -> T:
    """What `read` returns, which reads the manifest of `folder` and then files that it names.

    Where a file is not the manifest's, and the manifest was replaced since `read` began, it begins again. A writer
    renames the card before the manifest, so one that is at work is waited for before the manifest is looked at. Where
    writers leave no time to read, they are kept out for one last reading.
    """
    for _ in range(ATTEMPTS):
        before = _state(folder)
        try:
            return read()
        except IntegrityError:
            if _settled_state(folder) == before:
                raise
    with held_alone(folder) as alone:
        if alone:
            return read()
    raise IntegrityError(f"{folder} is replaced again and again while it is read; try later.")


def _settled_state(folder: Path) -> tuple[int, int, int] | None:
    """The state once nobody writes to the folder, be it there or not."""
    with contextlib.suppress(OSError), held_alone(folder):
        return _state(folder)
    return None


def _state(folder: Path) -> tuple[int, int, int] | None:
    """What changes when another manifest is renamed into place, be it one that lay there before."""
    try:
        status = (folder / FILE_NAME).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns
