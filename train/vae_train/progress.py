"""What is said while something long runs: sentences, and one line that tells how far it is, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from vae_runtime.printable import printable

Item = TypeVar("Item")

TERMINAL_SECONDS, LOG_SECONDS = 1.0, 60.0  # between two states of the line


def say(text: str) -> None:
    """A line for people, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


class ProgressLine:
    """How far something is: on a terminal a line that rewrites itself each second, in a log a line each minute."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._seconds = TERMINAL_SECONDS if self._live else LOG_SECONDS
        self._shown_at = time.monotonic()

    def show(self, text: str) -> None:
        """Show a state, unless another was shown just now."""
        now = time.monotonic()
        if now - self._shown_at < self._seconds:
            return
        self._shown_at = now
        print(f"\r\x1b[K{text}" if self._live else text, end="" if self._live else "\n", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line off a terminal, before anything else is said."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def watched(items: Iterable[Item], count: int, label: str) -> Iterator[Item]:
    """The items, of which there are `count`; each is done when the next one is asked for."""
    line, began = ProgressLine(), time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        left = (time.monotonic() - began) / done * (count - done)
        line.show(f"{label}: {done:,} of {count:,}, {clock(left)} left")
    line.clear()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
