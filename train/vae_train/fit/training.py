"""A run of a VAE: the trainer on the loop, with a clock and a record."""

from __future__ import annotations

from pathlib import Path

import torch

from vae_runtime.console import say

from ..checkpoint import read_last
from ..config import Config
from ..data.datasets import Dataset
from ..models.networks import VAE
from .clock import Clock
from .loop import train
from .parallel import Processes
from .record import Record
from .state import restore
from .trainer import Trainer


def fit(
    config: Config,
    folder: Path,
    dataset: Dataset,
    device: torch.device,
    *,
    resume: bool = False,
    begin: VAE | None = None,
    processes: Processes | None = None,
    signals: list[int] | None = None,
) -> bool:
    """Train to the end, or to a signal; returns whether it reached the end. The folder then holds the run.

    `begin` is a trained model whose weights a new run starts with. signals: takes those that came to this process. Of
    several processes the first writes.
    """
    trainer = Trainer(config, dataset, device, processes)
    if resume:
        _go_on(trainer, folder)
    elif begin:
        trainer.begin_with(begin)
    elif config.linear_pool:
        trainer.begin_as_components()
    clock = Clock(trainer)
    if not resume or not trainer.is_done or trainer.minutes != config.minutes:
        clock.set_length(is_new=not resume)
    record = Record(folder, trainer, dataset, clock.pace) if trainer.processes.rank == 0 else None
    if record:
        record.begin(resumed=resume)
    return train(trainer, _Watch(trainer, clock, record), signals)


def _go_on(trainer: Trainer, folder: Path) -> None:
    """Restore the last checkpoint of a run, and say what is not as it was then."""
    tell = say if trainer.processes.rank == 0 else lambda text: None
    saved = read_last(folder, tell)
    restore(trainer, saved)
    if (changed := trainer.division.since(saved.state)) and not trainer.is_done:
        tell(changed)


class _Watch:
    """Times each step and records it; of several processes only the first has a record."""

    def __init__(self, trainer: Trainer, clock: Clock, record: Record | None) -> None:
        self._trainer, self._clock, self._record = trainer, clock, record

    def before_step(self) -> None:
        self._clock.begin_step()

    def after_step(self, *, stop: bool) -> None:
        trainer, clock = self._trainer, self._clock
        clock.end_step()
        figures = trainer.end_epoch() if trainer.step % trainer.steps_per_epoch == 0 else None
        if figures:
            clock.end_epoch()
        if self._record:
            self._record.after_step(figures, stop=stop)
        clock.end_record(is_epochs=bool(figures))

    def end(self) -> None:
        if self._record:
            self._record.end()
