"""Lines for people: `show` on stdout, `say` on stderr, and one under all of them that changes while work goes on.

Nothing that goes wrong on stderr may cost a result: where it is closed, full or has no reader, nothing is said.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from .printable import printable

_ERASE = "\r\x1b[K"
_drawn = False


def show(line: str) -> None:
    """One line on stdout, whatever the names in it are made of; nothing where it is closed."""
    write_stdout(f"{printable(line)}\n")


def show_json(value: Any) -> None:
    """A value for programs on stdout."""
    write_stdout(json.dumps(value, indent=2) + "\n")


def write_stdout(text: str) -> None:
    """Text on stdout as it is, at once; nothing where it is closed."""
    if sys.stdout is not None:
        make_room()
        with _naming_stdout():
            sys.stdout.write(text)
            sys.stdout.flush()


@contextlib.contextmanager
def stdout_bytes() -> Iterator[BinaryIO]:
    """stdout to write bytes to, flushed at the end."""
    with _naming_stdout():
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


def say(message: str) -> None:
    """One line on stderr, whatever the names in it are made of."""
    erase()
    _write_stderr(f"{printable(message)}\n")


def draw(text: str) -> None:
    """Text on a terminal in the place of what was drawn there last, without an end of line."""
    global _drawn
    _write_stderr(f"{_ERASE}{printable(text)}")
    _drawn = True


def erase() -> None:
    """Take away what was drawn last, if it is there yet."""
    global _drawn
    if _drawn:
        _write_stderr(_ERASE)
    _drawn = False


def make_room() -> None:
    """The same before something is written to stdout, where that is a terminal too."""
    if _drawn and sys.stdout.isatty():
        erase()


def is_terminal() -> bool:
    """Whether somebody reads stderr as it is written."""
    with contextlib.suppress(ValueError):  # it was closed under Python
        return sys.stderr is not None and sys.stderr.isatty()
    return False


@contextlib.contextmanager
def _naming_stdout() -> Iterator[None]:
    """An OSError says that it came from there, as one of a file says its name."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or "standard output"
        raise


def _write_stderr(text: str) -> None:
    if sys.stderr is None:  # the caller closed it
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        with contextlib.suppress(Exception):  # what is buffered would fail again at the exit, and change its code
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
