"""Products of matrices."""

from __future__ import annotations

from ..sides import Batch, Shape, length, numbers, written
from ..values import Node, Result, in_blocks, one
from .elementwise import broadcast

# What each of many small products of matrices takes at least, in multiplications.
_EACH_MATRIX = 1024


def gemm(node: Node) -> Result:
    """Gemm of rows and a matrix, with or without a bias."""
    node.floats()
    for name in ("alpha", "beta"):
        node.attribute(name, 1.0, lambda value: value == 1.0)
    node.attribute("transA", 0, lambda value: value == 0)
    turned = node.attribute("transB", 0, lambda value: value in (0, 1))
    x, weight = node.inputs[0].shape, node.inputs[1].shape
    node.need(len(x) == len(weight) == 2 and not node.inputs[1].batched, "it is not of rows and a matrix")
    units, size = weight if turned else weight[::-1]
    node.need(x[1] == size, f"its matrix is of rows of {size}, its input's have {x[1]}")
    node.need(len(node.inputs) < 3 or node.inputs[2].shape == (units,), "its bias is of another size")
    count, columns = numbers(weight), length(units)
    return one((x[0], units), multiplications=count * length(x[0]), packed=4 * in_blocks(columns) * (count // columns))


def matmul(node: Node) -> Result:
    """MatMul of matrices, many side by side; the batch may be rows of the left one alone."""
    node.floats()
    left, right = node.inputs[0].shape, node.inputs[1].shape
    node.need(min(len(left), len(right)) >= 2, "it is not of matrices")
    held = (left[-1], *right[-2:])
    node.need(not any(isinstance(side, Batch) for side in held), "the batch lies across its matrices")
    node.need(left[-1] == right[-2], f"its matrices are {written(left[-2:])} and {written(right[-2:])}")
    shape = (*broadcast(node, left[:-2], right[:-2]), left[-2], right[-1])
    node.need(sum(isinstance(side, Batch) for side in shape) <= 1, "the batch lies across its matrices")
    return one(
        shape,
        multiplications=numbers(shape) * length(left[-1]) + _EACH_MATRIX * numbers(shape[:-2]),
        packed=sum(_packed(value.shape) for value in node.inputs if not value.batched),
    )


def _packed(shape: Shape) -> int:
    columns = length(shape[-1])
    return 4 * numbers(shape) // columns * in_blocks(columns)
