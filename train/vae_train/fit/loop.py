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

from vae_runtime.stopping import not_watched

from .. import checkpoint as checkpoints
from ..config import Config
from ..data.datasets import Dataset
from ..data.recipe import for_length
from ..models.networks import VAE
from ..parallel import Processes
from ..progress import say
from .budget import divide, epochs_in_time
from .pace import Pace
from .record import Record
from .schedule import bound_draws
from .trainer import Trainer

FIRST_GUESS = 1.15  # times its gradients a step takes, with Adam, averages and data


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

    signals: takes those that came to this process; of several, another's may be what stopped them. `begin` is a trained
    model whose weights a new run starts with. Of several processes the first writes.
    """
    processes = processes or Processes()
    trainer = Trainer(config, dataset, device, processes)
    if begin:
        trainer.begin_with(begin)
    elif config.linear_pool and not resume:
        trainer.begin_as_components()
    if resume:
        tell = say if processes.rank == 0 else lambda text: None
        saved = checkpoints.read_last(folder, tell)
        trainer.restore(saved)
        if (changed := trainer.division.since(saved.state)) and not trainer.is_done:
            tell(changed)
    clock = _Clock(trainer)
    if not resume or not trainer.is_done or trainer.minutes != config.minutes:
        clock.set_length(is_new=not resume)
    record = Record(folder, trainer, dataset, clock.pace) if processes.rank == 0 else None
    if record:
        record.begin(resumed=resume)
    with stop_signals(signals) as signals:
        while not trainer.is_done:
            clock.begin_step()
            trainer.take_step(trainer.batch())
            clock.end_step()
            stop = processes.any(bool(signals))
            figures = trainer.end_epoch() if trainer.step % trainer.steps_per_epoch == 0 else None
            if figures:
                clock.end_epoch()
            if record:
                record.after_step(figures, stop=stop)
            clock.end_record(is_epochs=bool(figures))
            if stop:
                return False
    if record:
        record.end()
    return True


class _Clock:
    """What the time of a run goes into, and how long it still is."""

    def __init__(self, trainer: Trainer) -> None:
        self.pace, self._trainer = Pace(), trainer
        self._started = self._ended = time.monotonic()
        self._recording = 0.0  # seconds that the end of an epoch took last, beside its measuring
        self._waits: tuple[int, float] | None = None  # step and time of the last wait for an accelerator
        for draws in trainer.steps_left() or {1: 0}:
            seconds = trainer.processes.of_first(trainer.time_step(draws))
            self.pace.note_step(draws, FIRST_GUESS * seconds)

    def begin_step(self) -> None:
        self._started = time.monotonic()
        self._waits = self._waits or (self._trainer.step, self._started)

    def end_step(self) -> None:
        """Note the step; an accelerator's steps by those from one wait for it to the next, for they return at once."""
        trainer, self._ended = self._trainer, time.monotonic()
        draws = bound_draws(trainer.config, (trainer.step - 1) // trainer.steps_per_epoch)
        if trainer.device.type == "cpu":
            self.pace.note_step(draws, self._ended - self._started)
        elif trainer.has_waited and self._waits:
            step, since = self._waits
            self.pace.note_step(draws, (self._ended - since) / (trainer.step - step))
            self._waits = None
        trainer.seconds += self._ended - self._started

    def end_epoch(self) -> None:
        """Note the measuring after an epoch, and count the epochs anew."""
        measuring = time.monotonic() - self._ended
        self._trainer.seconds += measuring
        self.pace.note_epoch_end(measuring + self._recording)
        self._ended = time.monotonic()
        self.set_length(is_new=False)

    def end_record(self, *, is_epochs: bool) -> None:
        """Note what writing took."""
        seconds = time.monotonic() - self._ended
        self._trainer.seconds += seconds
        if is_epochs:
            self._recording, self._waits = seconds, None

    def set_length(self, *, is_new: bool) -> None:
        """Of a run with a limit in time: as many epochs as it leaves; all processes take the first one's word."""
        trainer, config = self._trainer, self._trainer.config
        if not config.minutes:
            return
        if is_new:
            config = divide(config, self.pace.step(1))
            trainer.config = for_length(config, config.epoch_steps * config.epochs)
            return
        steps = trainer.steps_per_epoch
        epochs = epochs_in_time(config, self.pace, step=trainer.step, steps_per_epoch=steps, seconds=trainer.seconds)
        trainer.config = dataclasses.replace(config, epochs=round(trainer.processes.of_first(epochs)))


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
