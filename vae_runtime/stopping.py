"""How a command ends of a signal: it unwinds, so that no half-written file stays, and then the signal ends it.

To a shell that is exit code 130 for Ctrl-C, 143 for SIGTERM and 129 for SIGHUP, and a loop around the command stops
too, which it would not if the command only returned that number. The library never touches signals.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

READER_LEFT = 141  # what a shell says of a program that SIGPIPE ended
GRACE = 5.0  # seconds until a signal ends a process that is inside one call of a library and cannot unwind
ONE_STOP = 1.0  # seconds in which further signals mean the same stop: a terminal that closes sends several
_caught: list[int] = []  # signals that this process is ending of
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def orderly_end() -> Iterator[None]:
    """Raise KeyboardInterrupt or SystemExit where a signal comes, and end this process of it when all is unwound.

    Whatever a library makes of that exception on its way: once a signal came, the process ends of it. A signal that the
    caller ignores (nohup, a job in the background) stays ignored. For the main thread of a command's process alone.
    """
    first = 0.0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if _caught and now - first < ONE_STOP:
            return
        first = first or now
        _caught.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    ours = [number for number in _SIGNALS if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, stop)
    with _last_resort():
        try:
            yield
        finally:
            for number in ours:  # nothing is left to unwind
                signal.signal(number, signal.SIG_DFL)
            if _caught:
                end_by(_caught[0])


def is_stopping() -> bool:
    """Whether a signal has come: an error may then be what a library made of it, and is not worth a word."""
    return bool(_caught)


def end_by(number: int) -> NoReturn:
    """End this process of a signal; by exit code where signals do not, as the first process of a container."""
    if os.name != "nt":
        signal.signal(number, signal.SIG_DFL)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed, full, or without a reader
                stream.flush()
        os.kill(os.getpid(), number)
    sys.exit(128 + number)


def reader_left() -> NoReturn:
    """End quietly as SIGPIPE ends other programs: who read standard output has left, as `head` does."""
    with contextlib.suppress(Exception):  # what is buffered would fail again at the exit, and loudly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(READER_LEFT)


@contextlib.contextmanager
def not_watched() -> Iterator[None]:
    """While a command has handlers of its own, which take their time: no last resort."""
    descriptor = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)


@contextlib.contextmanager
def _last_resort() -> Iterator[None]:
    """Python's handlers wait until a call into a library returns, which may take minutes; a thread does not."""
    if os.name == "nt":  # there these signals are Ctrl-C alone
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        with open(reading, "rb", buffering=0) as signals:
            while number := signals.read(1):
                if number[0] in _SIGNALS:
                    time.sleep(GRACE)
                    if not _caught:
                        os._exit(128 + number[0])

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
