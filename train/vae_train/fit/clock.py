"""What the time of a run goes into, how long it still is, and how many epochs a limit in time leaves."""

from __future__ import annotations

import dataclasses
import time

from ..data.recipe import for_length
from .budget import divide, epochs_in_time
from .pace import Pace
from .schedule import bound_draws
from .trainer import Trainer

FIRST_GUESS = 1.15  # times its gradients a step takes, with Adam, averages and data


class Clock:
    """Follows one trainer, and notes in it the seconds that its run took."""

    def __init__(self, trainer: Trainer) -> None:
        self.pace, self._trainer = Pace(), trainer
        self._started = self._ended = time.monotonic()
        self._recording = 0.0  # seconds that the end of an epoch took last, beside its measuring
        self._waits: tuple[int, float] | None = None  # step and time of the last wait for an accelerator
        for draws in trainer.steps_left() or {1: 0}:
            seconds = trainer.processes.of_first(trainer.time_step(draws))
            self.pace.note_step(draws, FIRST_GUESS * seconds)

    def begin_step(self) -> None:
        """A step begins."""
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
            config = divide(config, self.pace)
            trainer.config = for_length(config, config.epoch_steps * config.epochs)
            return
        steps = trainer.steps_per_epoch
        epochs = epochs_in_time(config, self.pace, step=trainer.step, steps_per_epoch=steps, seconds=trainer.seconds)
        trainer.config = dataclasses.replace(config, epochs=round(trainer.processes.of_first(epochs)))
