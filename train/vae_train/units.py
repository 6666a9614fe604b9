"""Bounds in the unit that people can compare: nats of binary pixels, bits a dimension of measured ones."""

from __future__ import annotations

import math

from vae_runtime.maths.bounds import bits_per_dim

from .config import Config


def bound_in_bits(config: Config, bound: float) -> float:
    """A bound on log p(x), nats, as bits a dimension of the 8-bit image; lower is better."""
    return bits_per_dim(-bound, math.prod(config.image_shape), family=config.likelihood)


def bound_in_units(config: Config, bound: float, *, unit: bool = False) -> str:
    """A bound on log p(x) as a cost, lower is better: nats, or of a Gaussian bits a dimension."""
    if config.likelihood == "gaussian":
        return f"{bound_in_bits(config, bound):.3f}{' bits a dimension' * unit}"
    return f"{-bound:.2f}{' nats' * unit}"
