"""A limit on how long calls may take, that holds inside onnxruntime too."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

from .errors import InputError, TimeoutError

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("ends_at", default=None)


@contextlib.contextmanager
def timeout(seconds: float) -> Iterator[None]:
    """Let everything inside the `with` take so many seconds together; then a TimeoutError, and the model goes on.

    It holds for this thread (or task) alone. A run ends between two layers; inside others the sooner limit counts.
    """
    if not seconds > 0:
        raise InputError(f"seconds is {seconds!r}; expected a number above 0.")
    outer, end = _ends_at.get(), time.monotonic() + seconds
    token = _ends_at.set(end if outer is None else min(outer, end))
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """Until the limit of this thread, None where there is none; past it a TimeoutError."""
    end = _ends_at.get()
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call took longer than its timeout; give it more seconds, or fewer images at once.")
    return left


@contextlib.contextmanager
def ending(options: Any, seconds: float) -> Iterator[None]:
    """Tell a run with these onnxruntime.RunOptions to end after so many seconds."""

    def end() -> None:
        options.terminate = True

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
