"""A function in a process of its own that answers many times: its death and its silence are answers too."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Guarded:
    """Calls `function` in a spawned process; begins a new one when it dies or takes longer than `seconds`."""

    def __init__(self, function: Callable[[Any], str], seconds: float) -> None:
        self._function, self._seconds = function, seconds
        self._start()

    def __call__(self, argument: Any) -> str:
        """What the function says; or "crash" with a signal, or "hang"."""
        self._ours.send(argument)
        try:
            if self._ours.poll(self._seconds):
                return str(self._ours.recv())
            answer = "hang"
        except EOFError:
            self._process.join(5)
            answer = f"crash {self._process.exitcode}"
        self._stop()
        self._start()
        return answer

    def __enter__(self) -> Guarded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(self._function, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def _stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()


def _answer(function: Callable[[Any], str], pipe: Any) -> None:
    while True:
        try:
            argument = pipe.recv()
        except EOFError:
            return
        pipe.send(function(argument))
