"""Sums, means and norms over sides, of which none is the batch's."""

from __future__ import annotations

from ..sides import Batch, Shape, Side, length, numbers, written
from ..values import Node, Result, one

# What each of many short rows takes at least, and a number beside writing it, in multiplications.
_EACH_ROW, _EACH_NUMBER = 256, 16


def softmax(node: Node) -> Result:
    """Softmax along one axis."""
    node.floats()
    shape = node.inputs[0].shape
    axis = node.axis("axis", -1, len(shape))
    _own(node, shape, [axis])
    size = numbers(shape)
    return one(shape, multiplications=_rows(shape, [axis]), workspace=8 * size if axis != len(shape) - 1 else 0)


def reduce(node: Node) -> Result:
    """ReduceMean, ReduceSum or ReduceMax over constant axes."""
    node.floats(0)
    node.attribute("noop_with_empty_axes", 0, lambda value: value == 0)
    keep = node.attribute("keepdims", 1, lambda value: value in (0, 1))
    shape = node.inputs[0].shape
    axes = node.axes(1, len(shape))
    _own(node, shape, axes)
    sides: list[Side] = []
    for axis, side in enumerate(shape):
        if axis not in axes:
            sides.append(side)
        elif keep:
            sides.append(1)
    return one(tuple(sides), multiplications=_rows(shape, axes), workspace=4 * numbers(shape))


def instance_normalization(node: Node) -> Result:
    """Each channel of each image by its own mean and deviation."""
    node.floats()
    _epsilon(node)
    shape = node.inputs[0].shape
    node.need(3 <= len(shape) <= 4 and isinstance(shape[0], Batch), f"its input is {written(shape)}, no images")
    node.need(all(value.shape == shape[1:2] for value in node.inputs[1:]), "its scale or bias is of another size")
    return one(shape, multiplications=_rows(shape, list(range(2, len(shape)))))


def layer_normalization(node: Node) -> Result:
    """The last sides together, by their own mean and deviation."""
    node.floats()
    _epsilon(node)
    node.attribute("stash_type", 1, lambda value: value == 1)
    shape = node.inputs[0].shape
    axis = node.axis("axis", -1, len(shape))
    axes = list(range(axis, len(shape)))
    _own(node, shape, axes)
    node.need(all(value.shape == shape[axis:] for value in node.inputs[1:]), "its scale or bias is of another size")
    return one(shape, multiplications=_rows(shape, axes))


def _epsilon(node: Node) -> None:
    node.number("epsilon", 1e-5, 1e-12, 1.0)


def _own(node: Node, shape: Shape, axes: list[int]) -> None:
    node.need(not any(isinstance(shape[axis], Batch) for axis in axes), "its axis is the batch's")


def _rows(shape: Shape, axes: list[int]) -> int:
    """Multiplications of work on rows, each of all numbers along these axes."""
    each = numbers(tuple(length(shape[axis]) for axis in axes))
    return numbers(shape) // each * _EACH_ROW + numbers(shape) * _EACH_NUMBER
