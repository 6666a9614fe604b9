"""How far long work is, on stderr: one line that rewrites itself on a terminal, a line a minute in a log.

Work that is done within two seconds shows nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .console import draw, erase, is_terminal, say

Item = TypeVar("Item")
Clock = Callable[[], float]

QUIET_SECONDS = 2.0  # of work, before anything is shown
TERMINAL_SECONDS = 0.5  # from one text to the next on a terminal
LOG_SECONDS = 60.0  # from one line to the next elsewhere


class ProgressLine:
    """A text that changes while work goes on; `log_seconds`: None shows none where stderr is no terminal."""

    def __init__(self, *, log_seconds: float | None = None, clock: Clock = time.monotonic) -> None:
        self._clock, self._begun_at = clock, clock()
        self._live = is_terminal()
        self._every = TERMINAL_SECONDS if self._live else log_seconds
        self._next_at = self._begun_at + (QUIET_SECONDS if self._live else log_seconds or 0)

    @property
    def seconds(self) -> float:
        """Since the line was made."""
        return self._clock() - self._begun_at

    def show(self, text: str) -> None:
        """Put the text in the place of the last one, unless that is too new."""
        now = self._clock()
        if self._every is None or now < self._next_at:
            return
        self._next_at = now + self._every
        (draw if self._live else say)(text)

    def clear(self) -> None:
        """Take it off a terminal, at the end."""
        erase()


class Progress:
    """How many of `count` things are done, and how long the rest will take at the pace so far."""

    def __init__(self, count: int, label: str, *, clock: Clock = time.monotonic) -> None:
        self._line = ProgressLine(log_seconds=LOG_SECONDS, clock=clock)
        self._count, self._label, self._done = count, label, 0

    def add(self, more: int = 1) -> None:
        """So many more are done."""
        self._done += more
        left = (self._count - self._done) * self._line.seconds / max(1, self._done)
        self._line.show(
            f"{self._label}: {self._done:,} of {self._count:,}, {100 * self._done // max(1, self._count)}%, "
            f"{hours(left)} left"
        )

    def clear(self) -> None:
        """Take it off a terminal, at the end."""
        self._line.clear()


@contextlib.contextmanager
def progress(count: int, label: str, *, clock: Clock = time.monotonic) -> Iterator[Progress]:
    """A `Progress` that leaves nothing on the terminal."""
    line = Progress(count, label, clock=clock)
    try:
        yield line
    finally:
        line.clear()


def watched(items: Iterable[Item], count: int, label: str, *, clock: Clock = time.monotonic) -> Iterator[Item]:
    """The items, of which there are `count`; each is done when the next one is asked for."""
    with progress(count, label, clock=clock) as line:
        for item in items:
            yield item
            line.add()


@contextlib.contextmanager
def waiting(label: str, *, at_most: float, clock: Clock = time.monotonic) -> Iterator[Callable[[], None]]:
    """For work of unknown length: gives what to call now and then, which shows the time taken of `at_most` seconds."""
    line = ProgressLine(log_seconds=LOG_SECONDS, clock=clock)
    try:
        yield lambda: line.show(f"{label}: {hours(line.seconds)} of at most {hours(at_most)}")
    finally:
        line.clear()


def hours(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
