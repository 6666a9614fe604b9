"""The training loop: steps until the end or a signal, of a VAE or of a fault detector."""

from __future__ import annotations

from typing import Protocol

from ..signals import stop_signals
from .parallel import Processes


class Learner(Protocol):
    """What is trained, step by step."""

    processes: Processes  # that share each step

    @property
    def is_done(self) -> bool:
        """Whether no step is left."""

    def take_step(self) -> None:
        """Learn from the next batch."""


class Watcher(Protocol):
    """What happens around the steps: telling, measuring, saving."""

    def before_step(self) -> None:
        """A step begins."""

    def after_step(self, *, stop: bool) -> None:
        """A step has ended; before a `stop`, save."""

    def end(self) -> None:
        """The last step has been taken."""


def train(learner: Learner, watcher: Watcher, signals: list[int] | None = None) -> bool:
    """Take steps to the end, or to a signal; returns whether it reached the end.

    signals: takes those that came to this process; of several, another's may be what stopped them.
    """
    with stop_signals(signals) as signals:
        while not learner.is_done:
            watcher.before_step()
            learner.take_step()
            stop = learner.processes.any(bool(signals))
            watcher.after_step(stop=stop)
            if stop:
                return False
    watcher.end()
    return True
