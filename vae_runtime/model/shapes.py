"""The operators that a graph may use, with the attributes, inputs and shapes that each may have.

A graph is safe to hand over when the shape of every tensor in it is known beforehand: what crashes an engine is an
attribute outside its range or shapes that do not fit; what starves one is a tensor or a product that is too large. The
rules are of ONNX's operators at opset 18, narrowed to what this project's exporter writes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from .values import BATCH, FLOAT32, INT8, INT32, UINT8, GraphError, Node, Result, Shape, Side, Value, in_blocks

QUANTISED = (UINT8, INT8)
LARGEST_SIDE = 2**24
LARGEST_KERNEL = 64
# What each of many small products of matrices takes at least, and each of many short rows of sums, in multiplications.
_EACH_MATRIX, _EACH_RUN = 1024, 128


def infer(operator: str, inputs: list[Value], attributes: dict[str, Any]) -> Result:
    """The output of a node, or a GraphError: an operator, attribute, input or shape that is not allowed."""
    if operator not in _RULES:
        raise GraphError(f"the operator {operator} is none of this format")
    counts, rule = _RULES[operator]
    node = Node(operator, inputs, attributes)
    node.need(len(inputs) in counts, f"it has {len(inputs)} inputs")
    # An engine computes such a node while it loads the graph, however long that takes; weights in 8 bits must be.
    weights = operator == "DequantizeLinear" and inputs[0].constant is not None
    node.need(
        weights or any(BATCH in value.shape for value in inputs), "its inputs are constants, which exporters fold"
    )
    result = rule(node)
    node.need(not node.attributes, f"it has the attribute {next(iter(node.attributes), '')!r}")
    node.need(all(side == BATCH or 0 < int(side) <= LARGEST_SIDE for side in result.value.shape), "a side is too large")
    return result


def _unary(node: Node) -> Result:
    node.floats()
    return Result(Value(FLOAT32, node.inputs[0].shape))


def _binary(node: Node) -> Result:
    node.floats()
    left, right = (value.shape for value in node.inputs)
    value = Value(FLOAT32, _broadcast(node, left, right))
    return Result(value, _EACH_RUN * value.size // _run(left, right))


def _run(left: Shape, right: Shape) -> int:
    """How many numbers an engine adds at once: over the last sides along which one of both shapes, or neither, is 1."""
    rank = max(len(left), len(right))
    pairs = zip(((1,) * rank + left)[: -rank - 1 : -1], ((1,) * rank + right)[: -rank - 1 : -1], strict=True)
    sides = [(one, other) for one, other in pairs if (one, other) != (1, 1) and BATCH not in (one, other)]
    kinds = [(one == 1, other == 1) for one, other in sides]
    same = itertools.takewhile(lambda pair: pair[0] == kinds[0], zip(kinds, sides, strict=True))
    return math.prod(max(int(one), int(other)) for _, (one, other) in same)


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
    taps, places = math.prod(kernel), math.prod(sides)
    return Result(
        Value(FLOAT32, (BATCH, outputs, *sides)),
        multiplications=in_blocks(outputs) * places * channels * taps,
        packed=4 * in_blocks(outputs) * in_blocks(channels) * taps,
        # In 8 bits, which computed weights mean: every input of every place side by side, or the addresses of them.
        workspace=places * taps * max(channels, 8) if node.inputs[1].constant is None else 0,
    )


def _depth_to_space(node: Node) -> Result:
    node.floats()
    block = node.attribute("blocksize", 0, lambda value: 2 <= value <= 8)
    node.attribute("mode", "DCR", lambda value: value == "CRD")
    shape = node.inputs[0].shape
    node.need(len(shape) == 4 and shape[0] == BATCH and int(shape[1]) % block**2 == 0, f"its input is {list(shape)}")
    _, channels, height, width = shape
    return Result(Value(FLOAT32, (BATCH, int(channels) // block**2, int(height) * block, int(width) * block)))


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
    count = int(units) * int(size)
    return Result(Value(FLOAT32, (x[0], units)), count, packed=4 * in_blocks(int(units)) * int(size))


def _matmul(node: Node) -> Result:
    node.floats()
    left, right = node.inputs[0].shape, node.inputs[1].shape
    node.need(min(len(left), len(right)) >= 2 and BATCH not in (*left[-2:], *right[-2:]), "it is not of matrices")
    node.need(left[-1] == right[-2], f"its matrices are {list(left[-2:])} and {list(right[-2:])}")
    value = Value(FLOAT32, (*_broadcast(node, left[:-2], right[:-2]), left[-2], right[-1]))
    constants = (constant for constant in node.inputs if BATCH not in constant.shape)
    return Result(
        value,
        multiplications=value.size * int(left[-1]) + _EACH_MATRIX * math.prod(map(int, value.shape[1:-2])),
        packed=sum(
            4 * constant.size // int(constant.shape[-1]) * in_blocks(int(constant.shape[-1])) for constant in constants
        ),
    )


def _reshape(node: Node) -> Result:
    node.floats(0)
    node.attribute("allowzero", 0, lambda value: value in (0, 1))
    sides, shape = node.integers(1), node.inputs[0].shape
    node.need(len(sides) <= 6, f"its shape has {len(sides)} sides")
    node.need(shape[0] == BATCH and sides[0] == -1 and min(sides[1:], default=1) > 0, f"its shape is {sides}")
    node.need(math.prod(sides[1:]) == node.inputs[0].size, f"{list(shape)} does not become {sides}")
    return Result(Value(FLOAT32, (BATCH, *sides[1:])))


def _slice(node: Node) -> Result:
    node.floats(0)
    starts, ends, axes, steps = (node.integers(place) for place in (1, 2, 3, 4))
    node.need(len(starts) == len(ends) == len(axes) == len(steps) == len(set(axes)), "its lists do not fit together")
    shape = list(node.inputs[0].shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        node.need(0 < axis < len(shape) and step == 1, f"axis {axis} in steps of {step}")
        size = int(shape[axis])
        end = min(end, size)
        node.need(0 <= start < end, f"{start} to {end} of {size}")
        shape[axis] = end - start
    return Result(Value(FLOAT32, tuple(shape)))


def _quantise(node: Node) -> Result:
    node.floats(0, 1)
    scale, zero = node.constant(1), node.constant(2)
    node.need(
        scale.shape == zero.shape == () and node.inputs[2].type in QUANTISED and bool(scale > 0),
        "its scale is no number",
    )
    return Result(Value(node.inputs[2].type, node.inputs[0].shape))


def _dequantise(node: Node) -> Result:
    x, scale, zero = node.inputs[0], node.constant(1), node.constant(2)
    axis = node.attribute("axis", 1, lambda value: 0 <= value < max(1, len(x.shape)))
    node.need(x.type in (*QUANTISED, INT32) and node.inputs[2].type == x.type, f"its input is of type {x.type}")
    node.floats(1)
    sides = () if scale.ndim == 0 else (x.shape[axis],)
    node.need(scale.shape == zero.shape == sides and bool((scale > 0).all()), "its scales do not fit its input")
    return Result(Value(FLOAT32, x.shape))


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
