"""The unit in which people can compare bounds: nats of binary pixels, bits a dimension of measured ones.

A bound on log p(x) is shown as a cost, its negative: lower is better. `numbers` are those of an image, channels *
height * width.
"""

from __future__ import annotations

import math
from typing import Protocol

from vae_runtime.maths.bounds import bits_per_dim


class Unit(Protocol):
    """How the bounds of a likelihood are shown."""

    name: str  # behind a number
    axis: str  # beside a plot
    raw_bytes: float | None  # what an image costs uncompressed; None where pixels are no bytes

    def cost(self, bound: float, numbers: int) -> float:
        """A bound on log p(x), nats, as a cost in this unit."""

    def divergence(self, kl: float, numbers: int) -> float:
        """A KL, nats, in this unit."""

    def text(self, bound: float, numbers: int, *, named: bool = False) -> str:
        """The cost for people, with the unit's name if `named`."""

    def terms(self, log_likelihood: float, kl: float) -> str:
        """The sum that a cost is, where its terms have a meaning of their own; else nothing."""


class Nats:
    """Of binary pixels: what texts print."""

    name, axis = "nats", "nats an image"
    raw_bytes: float | None = None

    def cost(self, bound: float, numbers: int) -> float:
        return -bound

    def divergence(self, kl: float, numbers: int) -> float:
        return kl

    def text(self, bound: float, numbers: int, *, named: bool = False) -> str:
        return f"{-bound:.2f}{f' {self.name}' * named}"

    def terms(self, log_likelihood: float, kl: float) -> str:
        return f" = {-log_likelihood:.2f} + KL {kl:.2f}"


class BitsPerDim:
    """Of pixels that are measurements: their density has no zero of its own, but bits stand beside raw bytes."""

    name = axis = "bits a dimension"
    raw_bytes: float | None = 8.0

    def cost(self, bound: float, numbers: int) -> float:
        return bits_per_dim(-bound, numbers, family="gaussian")

    def divergence(self, kl: float, numbers: int) -> float:
        return kl / (numbers * math.log(2))  # of two densities: the width of a byte falls out

    def text(self, bound: float, numbers: int, *, named: bool = False) -> str:
        return f"{self.cost(bound, numbers):.3f}{f' {self.name}' * named}"

    def terms(self, log_likelihood: float, kl: float) -> str:
        return ""
