"""A run of so many minutes: how many steps an epoch has, and how many epochs there are."""

from __future__ import annotations

import dataclasses

from ..config import Config
from ..data.recipe import EPOCHS, LEAST_EPOCH_STEPS
from .pace import Pace
from .schedule import bound_draws


def divide(config: Config, pace: Pace) -> Config:
    """A new run's minutes as epochs of equal length, from the seconds that its steps take."""
    share = config.importance_share
    step_seconds = (1 - share) * pace.step(1) + share * pace.step(config.importance_draws)
    steps = max(1, int(60 * config.minutes / step_seconds))
    epoch_steps = max(LEAST_EPOCH_STEPS, steps // EPOCHS)
    return dataclasses.replace(config, epoch_steps=epoch_steps, epochs=max(1, steps // epoch_steps))


def epochs_in_time(config: Config, pace: Pace, *, step: int, steps_per_epoch: int, seconds: float) -> int:
    """How many epochs a run has whose first `step` steps took `seconds`, if it goes on as fast as of late.

    The last share of them, on the bound of several draws, takes longer by epoch. An epoch that is begun is ended, and
    there is one at least.
    """
    done, begun = divmod(step, steps_per_epoch)
    left = 60 * config.minutes - seconds
    if begun:
        left -= pace.remaining({bound_draws(config, done): steps_per_epoch - begun}, 1)
        done += 1
    share = config.importance_share
    usual, weighted = (pace.remaining({draws: steps_per_epoch}, 1) for draws in (1, config.importance_draws))
    epochs = (left + done * usual) / ((1 - share) * usual + share * weighted)
    if epochs * (1 - share) < done:  # only weighted ones are to come
        epochs = done + left / weighted
    return max(1, done, round(epochs))
