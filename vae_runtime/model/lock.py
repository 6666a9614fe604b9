"""One process writes to a model folder at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

try:
    import fcntl
except ImportError:  # Windows: nothing holds two writers apart there
    fcntl = None  # type: ignore[assignment]

SECONDS = 60.0  # to wait for another writer, which needs one or two
_this_thread = (
    threading.local()
)  # .holds: the folders that it holds, each with its process, for a fork copies the thread


@contextlib.contextmanager
def held_alone(folder: Path, *, seconds: float = SECONDS) -> Iterator[bool]:
    """Hold a folder while it is written to; the system lets go of it when the process ends, however it does.

    The lock is on the folder itself and leaves no file behind. Where there is none (Windows, some network file systems)
    it yields False: one goes on without. Readers need no lock. A thread that holds the folder already goes on at once.
    InputError: another process held it for `seconds`.
    """
    holds: set[tuple[int, str]] = _this_thread.__dict__.setdefault("holds", set())
    key = os.getpid(), os.path.realpath(folder)
    if key in holds:
        yield True
        return
    handle = _held(folder, time.monotonic() + seconds)
    try:
        if handle is not None:
            holds.add(key)
        yield handle is not None
    finally:
        if handle is not None:
            holds.discard(key)
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing alone would not do: a child of a fork has the handle too
            os.close(handle)


def _held(folder: Path, until: float) -> int | None:
    if not fcntl:
        return None
    while True:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(folder)):  # and not one that was moved away meanwhile
                return handle
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                raise InputError(f"{folder} is being written to by another process; wait for it, or stop it.") from None
            time.sleep(0.02)
        except OSError:  # a network file system without locks, or a folder that has just gone
            os.close(handle)
            return None
        os.close(handle)
