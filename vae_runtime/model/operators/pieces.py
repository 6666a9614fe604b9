"""Operators that cut tensors in pieces and put pieces together, never across the rows of a batch."""

from __future__ import annotations

from ..sides import Batch, Side, length, written
from ..values import FLOAT32, Node, Result, Value, one

MOST_PIECES = 64


def cut(node: Node) -> Result:
    """Slice with constant lists, in steps of 1."""
    node.floats(0)
    starts, ends, axes, steps = (node.integers(place) for place in (1, 2, 3, 4))
    node.need(len(starts) == len(ends) == len(axes) == len(steps) == len(set(axes)), "its lists do not fit together")
    shape = list(node.inputs[0].shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        node.need(0 <= axis < len(shape) and step == 1, f"axis {axis} in steps of {step}")
        size = _size(node, shape[axis])
        end = min(end, size)
        node.need(0 <= start < end, f"{start} to {end} of {size}")
        shape[axis] = end - start
    return one(tuple(shape))


def split(node: Node) -> Result:
    """Split in equal parts, or in parts of constant sizes."""
    node.floats(0)
    shape = node.inputs[0].shape
    axis = node.axis("axis", 0, len(shape))
    size, count = _size(node, shape[axis]), node.outputs
    node.need(1 <= count <= MOST_PIECES, f"it has {count} outputs")
    if len(node.inputs) == 2:
        sizes = node.integers(1)
    else:
        node.attribute("num_outputs", 0, lambda value: value == count and size % value == 0)
        sizes = [size // count] * count
    node.need(len(sizes) == count and min(sizes) > 0 and sum(sizes) == size, f"{size} does not become {sizes}")
    parts = ((*shape[:axis], part, *shape[axis + 1 :]) for part in sizes)
    return Result(tuple(Value(FLOAT32, part) for part in parts))


def concat(node: Node) -> Result:
    """Concat of tensors whose other sides are alike."""
    node.floats()
    shapes = [value.shape for value in node.inputs]
    first = shapes[0]
    axis = node.axis("axis", len(first), len(first)) if "axis" in node.attributes else -1
    node.need(axis >= 0, "it has no axis")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes if len(shape) == len(first)}
    fits = len(rest) == 1 and all(len(shape) == len(first) for shape in shapes)
    node.need(fits, f"{' and '.join(map(written, shapes[:4]))} do not fit")
    total = sum(_size(node, shape[axis]) for shape in shapes)
    return one((*first[:axis], total, *first[axis + 1 :]))


def gather(node: Node) -> Result:
    """Gather of one constant place, which goes, or of a constant list of places along an axis."""
    node.floats(0)
    shape, places = node.inputs[0].shape, node.constant(1)
    axis = node.axis("axis", 0, len(shape))
    size = _size(node, shape[axis])
    node.need(places.dtype.kind == "i" and places.dtype.itemsize == 8 and places.ndim <= 1, "its places are no list")
    node.need(bool(((places >= -size) & (places < size)).all()), f"its places are outside of {size}")
    return one((*shape[:axis], *places.shape, *shape[axis + 1 :]))


def pad(node: Node) -> Result:
    """Pad with a constant, the border's reflection or its copy; nothing is cut off."""
    node.floats(0)
    mode = node.attribute("mode", "constant", lambda value: value in ("constant", "reflect", "edge"))
    shape, pads = list(node.inputs[0].shape), node.integers(1)
    if node.has(2):
        node.floats(2)
        node.need(node.constant(2).shape == (), "its value is no number")
    axes = node.axes(3, len(shape)) if node.has(3) else list(range(len(shape)))
    node.need(len(pads) == 2 * len(axes) and min(pads) >= 0, f"its pads are {pads}")
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if before or after:
            size = _size(node, shape[axis])
            node.need(mode != "reflect" or max(before, after) < size, f"it reflects {max(before, after)} of {size}")
            shape[axis] = size + before + after
    return one(tuple(shape), multiplications=16 * Value(FLOAT32, tuple(shape)).size)


def _size(node: Node, side: Side) -> int:
    """A side that is not the batch's."""
    node.need(not isinstance(side, Batch), "its axis is the batch's")
    return length(side)
