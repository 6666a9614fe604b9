"""Operators that move numbers and compute none: the same numbers in another shape or order."""

from __future__ import annotations

from ..sides import BATCH, Batch, around, length, merged, numbers, written
from ..values import Node, Result, one

MOST_SIDES = 6


def reshape(node: Node) -> Result:
    """Reshape to a constant list whose one -1 is the batch's side."""
    node.floats(0)
    node.attribute("allowzero", 0, lambda value: value in (0, 1))
    sides, shape = node.integers(1), node.inputs[0].shape
    node.need(0 < len(sides) <= MOST_SIDES, f"its shape has {len(sides)} sides")
    node.need(sides.count(-1) == 1 and min(side for side in (*sides, 1) if side != -1) > 0, f"its shape is {sides}")
    at, (before, after) = sides.index(-1), around(shape)
    outside, inside = numbers(tuple(sides[:at])), numbers(tuple(sides[at + 1 :]))
    # Other lists would give the rows of a batch to each other.
    node.need(before % outside == after % inside == 0, f"{written(shape)} does not become {sides}")
    return one((*sides[:at], Batch(before // outside, after // inside), *sides[at + 1 :]))


def transpose(node: Node) -> Result:
    """Sides in another order."""
    node.floats()
    shape = node.inputs[0].shape
    order = node.attribute("perm", [0], lambda value: sorted(value) == list(range(len(shape))))
    return one(tuple(shape[axis] for axis in order))


def flatten(node: Node) -> Result:
    """Two sides: those before an axis, and the others."""
    node.floats()
    shape = node.inputs[0].shape
    axis = node.attribute("axis", 1, lambda value: -len(shape) <= value <= len(shape))
    axis += len(shape) * (axis < 0)
    return one((merged(shape[:axis]), merged(shape[axis:])))


def squeeze(node: Node) -> Result:
    """Without some sides of 1."""
    node.floats(0)
    shape = node.inputs[0].shape
    axes = node.axes(1, len(shape))
    node.need(all(shape[axis] == 1 for axis in axes), f"axes {axes} of {written(shape)} are not 1")
    return one(tuple(side for axis, side in enumerate(shape) if axis not in axes))


def unsqueeze(node: Node) -> Result:
    """With sides of 1 more."""
    node.floats(0)
    rank = len(node.inputs[0].shape) + len(node.integers(1))
    node.need(rank <= MOST_SIDES, f"its output has {rank} sides")
    axes, rest = node.axes(1, rank), iter(node.inputs[0].shape)
    return one(tuple(1 if axis in axes else next(rest) for axis in range(rank)))


def depth_to_space(node: Node) -> Result:
    """Channels to places, in torch's order (CRD)."""
    node.floats()
    block = node.attribute("blocksize", 0, lambda value: 2 <= value <= 8)
    node.attribute("mode", "DCR", lambda value: value == "CRD")
    shape = node.inputs[0].shape
    images = len(shape) == 4 and shape[0] == BATCH
    node.need(images and length(shape[1]) % block**2 == 0, f"its input is {written(shape)}")
    channels, height, width = map(length, shape[1:])
    return one((BATCH, channels // block**2, height * block, width * block))
