"""The training loop: steps of the trainer until the end or a signal, in one process or in several."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from . import checkpoint as checkpoints
from .budget import divide, epochs_in_time
from .config import Config
from .data import Dataset
from .networks import VAE
from .pace import Pace
from .parallel import Processes
from .progress import say
from .recipe import for_length
from .record import Record
from .schedule import bound_draws
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
) -> bool:
    """Train to the end, or to a signal; returns whether it reached the end. The folder then holds the run.

    `begin` is a trained model whose weights a new run starts with. Of several processes the first writes.
    """
    processes = processes or Processes()
    trainer = Trainer(config, dataset, device, processes)
    if begin:
        trainer.begin_with(begin)
    elif config.linear_pool and not resume:
        trainer.begin_as_components()
    if resume:
        trainer.restore(checkpoints.read_last(folder, say if processes.rank == 0 else lambda text: None))
    pace = _pace(trainer)
    _set_length(trainer, pace, is_new=not resume)
    record = Record(folder, trainer, dataset, pace) if processes.rank == 0 else None
    if record:
        record.begin(resumed=resume)
    with stop_signals() as signals:
        while not trainer.is_done:
            started, draws = time.monotonic(), bound_draws(trainer.config, trainer.epoch)
            trainer.take_step(trainer.batch())
            taken = time.monotonic()
            pace.note_step(draws, taken - started)
            stop = processes.any(bool(signals))
            figures = trainer.end_epoch() if trainer.step % trainer.steps_per_epoch == 0 else None
            if record:
                record.after_step(figures, stop=stop)
            trainer.seconds += time.monotonic() - started
            if figures:
                pace.note_epoch_end(time.monotonic() - taken)
                _set_length(trainer, pace, is_new=False)
            if stop:
                return False
    if record:
        record.end()
    return True


def _pace(trainer: Trainer) -> Pace:
    """How long each kind of step takes that the run has; processes that wait for each other find it out as they go."""
    pace = Pace()
    if trainer.processes.size == 1:
        for draws in trainer.steps_left():
            pace.note_step(draws, trainer.time_step(draws))
    return pace


def _set_length(trainer: Trainer, pace: Pace, *, is_new: bool) -> None:
    """Of a run with a limit in time: as many epochs as it leaves; all processes take the first one's word."""
    config = trainer.config
    if not config.minutes:
        return
    if is_new:
        seconds = pace.step(1) or trainer.time_step(1)
        config = divide(config, trainer.processes.of_first(seconds))
        trainer.config = for_length(config, config.epoch_steps * config.epochs)
        return
    epochs = epochs_in_time(
        config, pace, epoch=trainer.epoch, steps_per_epoch=trainer.steps_per_epoch, seconds=trainer.seconds
    )
    trainer.config = dataclasses.replace(config, epochs=round(trainer.processes.of_first(epochs)))


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM instead of dying of it; a second one acts as usual."""
    caught: list[int] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
