"""A run of so many minutes: how many steps an epoch has, and how many epochs there are."""

from __future__ import annotations

import dataclasses

from .config import Config
from .pace import Pace
from .recipe import EPOCHS, LEAST_EPOCH_STEPS

FIRST_GUESS = 1.15  # of the time of its gradients a step takes, with Adam, averages and data


def divide(config: Config, step_seconds: float) -> Config:
    """A new run's minutes as epochs of equal length, from the seconds that the gradients of a step take."""
    steps = max(1, int(60 * config.minutes / (FIRST_GUESS * step_seconds)))
    epoch_steps = max(LEAST_EPOCH_STEPS, steps // EPOCHS)
    return dataclasses.replace(config, epoch_steps=epoch_steps, epochs=max(1, steps // epoch_steps))


def epochs_in_time(config: Config, pace: Pace, *, epoch: int, steps_per_epoch: int, seconds: float) -> int:
    """How many epochs a run has whose first `epoch` ones took `seconds`, if it goes on as fast as of late."""
    one = pace.remaining({1: steps_per_epoch}, 1)
    left = 60 * config.minutes - seconds
    return epoch + max(0 if epoch else 1, round(left / one)) if one else config.epochs
