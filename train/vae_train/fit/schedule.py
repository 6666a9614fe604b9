"""What changes during a run, as pure functions of the step, so that a resumed run needs no memory of them."""

from __future__ import annotations

import math

from ..config import Config


def learning_rate(config: Config, step: int, total_steps: int) -> float:
    """Linear warm-up, then constant or half a cosine down to a hundredth (Loshchilov and Hutter 2017)."""
    rate = config.learning_rate
    if step < config.learning_rate_warmup_steps:
        return rate * (step + 1) / config.learning_rate_warmup_steps
    if config.learning_rate_schedule == "constant":
        return rate
    done = min(1.0, step / max(1, total_steps))
    return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def bound_draws(config: Config, epoch: int) -> int:
    """How many draws the bound has that the epoch (from 0) raises: 1, the ELBO, and in the last epochs more."""
    weighted = round(config.epochs * config.importance_share)
    return config.importance_draws if weighted and epoch >= config.epochs - weighted else 1


def kl_weight(config: Config, step: int, steps_per_epoch: int) -> float:
    """Weight of the KL term: 0 to 1 over the first kl_warmup_epochs (Sonderby et al. 2016), then the true ELBO."""
    warmup_steps = config.kl_warmup_epochs * steps_per_epoch
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
