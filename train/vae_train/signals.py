"""Training ends of a signal between two steps: what was learnt is saved first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vae_runtime.stopping import not_watched


@contextmanager
def stop_signals(caught: list[int] | None = None) -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM, in `caught`, instead of dying of it; a second one acts as usual."""
    caught = [] if caught is None else caught
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, catch)
    try:
        with not_watched():  # a step may take longer than other commands have to notice a signal
            yield caught
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
