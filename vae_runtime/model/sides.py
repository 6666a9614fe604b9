"""The sides of tensors: numbers, and the one side along which the rows of a batch lie.

That side is the first of a model's inputs and outputs. Inside a graph it may be another, and may be merged with its
neighbours, as attention in torch does it (`8*batch`): a tensor then has `before` places, each with all rows of the
batch, each with `after` places. As its place is always known, no operator that is let through mixes two rows.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple


class Batch(NamedTuple):
    """The side of the batch, merged in C order with `before` places outside and `after` places inside of it."""

    before: int = 1
    after: int = 1

    def __str__(self) -> str:
        outside, inside = f"{self.before}*" * (self.before > 1), f"*{self.after}" * (self.after > 1)
        return f"{outside}batch{inside}"

    @property
    def places(self) -> int:
        """How long the side is for each row of the batch."""
        return self.before * self.after


BATCH = Batch()
# A side is a number, the batch, or a name that a graph gives to one that it leaves open.
Side = int | str | Batch
Shape = tuple[Side, ...]
_SHAPES = 1024  # that are remembered: a graph has few, and the gate asks about each often


@lru_cache(_SHAPES)
def batch_axis(shape: Shape) -> int | None:
    """Where the batch lies; None where the tensor does not follow from the input."""
    return next((axis for axis, side in enumerate(shape) if isinstance(side, Batch)), None)


def length(side: Side) -> int:
    """How long a side is for each row of the batch."""
    return side.places if isinstance(side, Batch) else int(side)


@lru_cache(_SHAPES)
def numbers(shape: Shape) -> int:
    """How many numbers such a tensor has, for each row of the batch."""
    return math.prod(map(length, shape))


def around(shape: Shape) -> tuple[int, int]:
    """How many places lie outside of the batch in C order, and how many inside of it."""
    axis = batch_axis(shape)
    assert axis is not None, shape
    side = shape[axis]
    assert isinstance(side, Batch)
    return numbers(shape[:axis]) * side.before, side.after * numbers(shape[axis + 1 :])


def merged(shape: Shape) -> Side:
    """All sides as one, in C order."""
    return numbers(shape) if batch_axis(shape) is None else Batch(*around(shape))


def written(shape: Shape) -> str:
    """As a person reads it: [batch, 3, 8, 8]."""
    return f"[{', '.join(map(str, shape))}]"
