"""The operators that a graph may use, with the attributes, inputs and shapes that each may have.

A graph is safe to hand over when the shape of every tensor in it is known beforehand: what crashes an engine is an
attribute outside its range or shapes that do not fit; what starves one is a tensor or a product that is too large. The
rules are of ONNX's operators at opset 18, narrowed to what this project's exporter writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

BATCH = "batch"  # the first side of every tensor that follows from the input
Side = int | str
Shape = tuple[Side, ...]
FLOAT32, UINT8, INT8, INT32, INT64 = 1, 2, 3, 6, 7  # TensorProto.DataType
TYPES: dict[int, np.dtype[Any]] = {
    FLOAT32: np.dtype("<f4"),
    UINT8: np.dtype("u1"),
    INT8: np.dtype("i1"),
    INT32: np.dtype("<i4"),
    INT64: np.dtype("<i8"),
}
QUANTISED = (UINT8, INT8)
LARGEST_SIDE = 2**24
LARGEST_KERNEL = 64


class GraphError(ValueError):
    """A graph that is none of this format."""


class Value(NamedTuple):
    """What is known of a tensor before anything runs; `constant` of those that come with the graph."""

    type: int
    shape: Shape
    constant: npt.NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """How many numbers it has, for each row of the batch."""
        return math.prod(side for side in self.shape if isinstance(side, int))


class Result(NamedTuple):
    """The output of a node, and how many multiplications it takes for each row of the batch."""

    value: Value
    work: int


class Node(NamedTuple):
    """One node: attributes by name, inputs by place."""

    operator: str
    inputs: list[Value]
    attributes: dict[str, Any]

    def need(self, holds: bool, what: str) -> None:
        """Refuse a node for which this does not hold."""
        if not holds:
            raise GraphError(f"{self.operator}: {what}")

    def attribute(self, name: str, default: Any, allowed: Callable[[Any], bool]) -> Any:
        """Take an attribute out; what is left in the end is unknown."""
        value = self.attributes.pop(name, default)
        self.need(type(value) is type(default) and allowed(value), f"{name} is {value!r}, which is outside its range")
        return value

    def constant(self, place: int) -> npt.NDArray[Any]:
        """The number or numbers of an input that comes with the graph."""
        found = self.inputs[place].constant
        if found is None:
            raise GraphError(f"{self.operator}: input {place} is computed; expected a constant")
        return found

    def floats(self, *places: int) -> None:
        """Refuse inputs of another type than float32."""
        for place in places or range(len(self.inputs)):
            self.need(self.inputs[place].type == FLOAT32, f"input {place} is of type {self.inputs[place].type}")


def infer(operator: str, inputs: list[Value], attributes: dict[str, Any]) -> Result:
    """The output of a node, or a GraphError: an operator, attribute, input or shape that is not allowed."""
    if operator not in _RULES:
        raise GraphError(f"the operator {operator} is none of this format")
    counts, rule = _RULES[operator]
    node = Node(operator, inputs, attributes)
    node.need(len(inputs) in counts, f"it has {len(inputs)} inputs")
    result = rule(node)
    node.need(not node.attributes, f"it has the attribute {next(iter(node.attributes), '')!r}")
    node.need(all(side == BATCH or 0 < int(side) <= LARGEST_SIDE for side in result.value.shape), "a side is too large")
    return result


def _unary(node: Node) -> Result:
    node.floats()
    return Result(Value(FLOAT32, node.inputs[0].shape), node.inputs[0].size)


def _binary(node: Node) -> Result:
    node.floats()
    value = Value(FLOAT32, _broadcast(node, node.inputs[0].shape, node.inputs[1].shape))
    return Result(value, value.size)


def _clip(node: Node) -> Result:
    node.need(all(node.constant(place).shape == () for place in (1, 2)), "its limits are no numbers")
    return _unary(node)


def _conv(node: Node) -> Result:
    node.floats()
    x, weight = node.inputs[0].shape, node.inputs[1].shape
    node.need(len(x) == len(weight) == 4 and x[0] == BATCH and BATCH not in weight, "it is not of images")
    outputs, channels, *kernel = map(int, weight)
    node.need(x[1] == channels, f"its kernels are of {channels} channels, its input has {x[1]}")
    node.need(len(node.inputs) < 3 or node.inputs[2].shape == (outputs,), "its bias is of another size")
    node.attribute("auto_pad", "NOTSET", lambda value: value == "NOTSET")
    node.attribute("group", 1, lambda value: value == 1)
    node.attribute("dilations", [1, 1], lambda value: value == [1, 1])
    node.attribute("kernel_shape", kernel, lambda value: value == kernel and max(kernel) <= LARGEST_KERNEL)
    pads = node.attribute(
        "pads", [0] * 4, lambda value: len(value) == 4 and 0 <= min(value) <= max(value) < min(kernel)
    )
    strides = node.attribute("strides", [1, 1], lambda value: len(value) == 2 and 1 <= min(value) <= max(value) <= 8)
    sides = [
        (int(side) + pads[axis] + pads[axis + 2] - kernel[axis]) // strides[axis] + 1 for axis, side in enumerate(x[2:])
    ]
    node.need(min(sides) > 0, "its kernel is larger than its input")
    value = Value(FLOAT32, (BATCH, outputs, *sides))
    return Result(value, value.size * channels * math.prod(kernel))


def _depth_to_space(node: Node) -> Result:
    node.floats()
    block = node.attribute("blocksize", 0, lambda value: 2 <= value <= 8)
    node.attribute("mode", "DCR", lambda value: value == "CRD")
    shape = node.inputs[0].shape
    node.need(len(shape) == 4 and shape[0] == BATCH and int(shape[1]) % block**2 == 0, f"its input is {list(shape)}")
    _, channels, height, width = shape
    return Result(Value(FLOAT32, (BATCH, int(channels) // block**2, int(height) * block, int(width) * block)), 0)


def _gemm(node: Node) -> Result:
    node.floats()
    for name in ("alpha", "beta"):
        node.attribute(name, 1.0, lambda value: value == 1.0)
    node.attribute("transA", 0, lambda value: value == 0)
    turned = node.attribute("transB", 0, lambda value: value in (0, 1))
    x, weight = node.inputs[0].shape, node.inputs[1].shape
    node.need(len(x) == len(weight) == 2 and BATCH not in weight, "it is not of a row and a matrix")
    units, size = weight if turned else weight[::-1]
    node.need(x[1] == size, f"its matrix is of rows of {size}, its input's have {x[1]}")
    node.need(len(node.inputs) < 3 or node.inputs[2].shape == (units,), "its bias is of another size")
    return Result(Value(FLOAT32, (x[0], units)), int(units) * int(size))


def _matmul(node: Node) -> Result:
    node.floats()
    left, right = node.inputs[0].shape, node.inputs[1].shape
    node.need(min(len(left), len(right)) >= 2 and BATCH not in (*left[-2:], *right[-2:]), "it is not of matrices")
    node.need(left[-1] == right[-2], f"its matrices are {list(left[-2:])} and {list(right[-2:])}")
    value = Value(FLOAT32, (*_broadcast(node, left[:-2], right[:-2]), left[-2], right[-1]))
    return Result(value, value.size * int(left[-1]))


def _reshape(node: Node) -> Result:
    node.floats(0)
    node.attribute("allowzero", 0, lambda value: value in (0, 1))
    wanted, shape = node.constant(1), node.inputs[0].shape
    node.need(wanted.ndim == 1 and wanted.dtype == np.int64 and 1 <= len(wanted) <= 6, "its shape is no list of sides")
    sides = wanted.tolist()
    node.need(shape[0] == BATCH and sides[0] == -1 and min(sides[1:], default=1) > 0, f"its shape is {sides}")
    node.need(math.prod(sides[1:]) == node.inputs[0].size, f"{list(shape)} does not become {sides}")
    return Result(Value(FLOAT32, (BATCH, *sides[1:])), 0)


def _slice(node: Node) -> Result:
    node.floats(0)
    starts, ends, axes, steps = (node.constant(place) for place in (1, 2, 3, 4))
    shape = list(node.inputs[0].shape)
    for start, end, axis, step in zip(
        *(part.reshape(-1).tolist() for part in (starts, ends, axes, steps)), strict=True
    ):
        node.need(0 < axis < len(shape) and step == 1, f"axis {axis} in steps of {step}")
        size = int(shape[axis])
        end = min(end, size)
        node.need(0 <= start < end, f"{start} to {end} of {size}")
        shape[axis] = end - start
    return Result(Value(FLOAT32, tuple(shape)), 0)


def _quantise(node: Node) -> Result:
    node.floats(0, 1)
    scale, zero = node.constant(1), node.constant(2)
    node.need(
        scale.shape == zero.shape == () and node.inputs[2].type in QUANTISED and bool(scale > 0),
        "its scale is no number",
    )
    return Result(Value(node.inputs[2].type, node.inputs[0].shape), node.inputs[0].size)


def _dequantise(node: Node) -> Result:
    x, scale, zero = node.inputs[0], node.constant(1), node.constant(2)
    axis = node.attribute("axis", 1, lambda value: 0 <= value < max(1, len(x.shape)))
    node.need(x.type in (*QUANTISED, INT32) and node.inputs[2].type == x.type, f"its input is of type {x.type}")
    node.floats(1)
    sides = () if scale.ndim == 0 else (x.shape[axis],)
    node.need(scale.shape == zero.shape == sides and bool((scale > 0).all()), "its scales do not fit its input")
    return Result(Value(FLOAT32, x.shape), x.size)


def _broadcast(node: Node, left: Shape, right: Shape) -> Shape:
    rank = max(len(left), len(right))
    sides: list[Side] = []
    for one, other in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        node.need(one == other or 1 in (one, other), f"{list(left)} and {list(right)} do not fit")
        sides.append(other if one == 1 else one)
    node.need(BATCH not in sides[1:], f"{list(left)} and {list(right)} do not fit")
    return tuple(sides)


_RULES: dict[str, tuple[tuple[int, ...], Callable[[Node], Result]]] = {
    **dict.fromkeys(("Exp", "Neg", "Relu", "Sigmoid", "Sqrt", "Tanh"), ((1,), _unary)),
    **dict.fromkeys(("Add", "Div", "Mul", "Sub"), ((2,), _binary)),
    "Clip": ((3,), _clip),
    "Conv": ((2, 3), _conv),
    "DepthToSpace": ((1,), _depth_to_space),
    "DequantizeLinear": ((3,), _dequantise),
    "Gemm": ((2, 3), _gemm),
    "MatMul": ((2,), _matmul),
    "QuantizeLinear": ((3,), _quantise),
    "Reshape": ((2,), _reshape),
    "Slice": ((5,), _slice),
}
OPERATORS = frozenset(_RULES)
