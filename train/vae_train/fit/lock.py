"""One process (or one group of them) trains a run at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from vae_runtime.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: nothing holds two runs apart there
    fcntl = None  # type: ignore[assignment]

FILE = ".lock"


@contextlib.contextmanager
def trained_alone(folder: Path) -> Iterator[None]:
    """Hold the run of a folder while it is trained; the system lets go of it when the process ends, however it does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("w") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{folder} is being trained by another process; wait for it, or stop it.") from None
            except OSError:  # a network file system without locks
                pass
        yield
