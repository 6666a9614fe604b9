"""Bounds in the unit that people can compare: nats of binary pixels, bits a dimension of measured ones."""

from __future__ import annotations

import math

from .config import Config


def bits_per_dim(nats: float, pixels: int, likelihood: str = "bernoulli") -> float:
    """Nats an image as bits a pixel; of a density, as the probability of steps of 1/255 that it stands for."""
    return nats / (pixels * math.log(2)) + (math.log2(255) if likelihood == "gaussian" else 0.0)


def bound_in_units(config: Config, bound: float, *, unit: bool = False) -> str:
    """A bound on log p(x) as a cost, lower is better: nats, or of a Gaussian bits a dimension."""
    if config.likelihood == "gaussian":
        return f"{bits_per_dim(-bound, math.prod(config.image_shape), 'gaussian'):.3f}{' bits a dimension' * unit}"
    return f"{-bound:.2f}{' nats' * unit}"
