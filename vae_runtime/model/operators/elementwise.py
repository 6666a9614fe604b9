"""Operators that treat each number by itself, or with its partner in another tensor."""

from __future__ import annotations

import itertools
import math

from ..sides import Batch, Shape, Side, written
from ..values import Node, Result, Value, one

# What some functions take for a number beyond what writing it is counted as, and what each of many short runs of
# numbers takes at least, in multiplications.
_FUNCTIONS = {"Elu": 64, "Log": 64, "PRelu": 128, "Pow": 512, "Softplus": 512}
_EACH_RUN = 128


def unary(node: Node) -> Result:
    """A function of each number."""
    node.floats()
    x = node.inputs[0]
    return one(x.shape, multiplications=_FUNCTIONS.get(node.operator, 0) * x.size)


def sloped(node: Node) -> Result:
    """A function of each number with numbers of its own: LeakyRelu, Elu, HardSigmoid."""
    alpha, beta = {"LeakyRelu": (0.01, None), "Elu": (1.0, None), "HardSigmoid": (0.2, 0.5)}[node.operator]
    node.number("alpha", alpha)
    if beta is not None:
        node.number("beta", beta)
    return unary(node)


def clip(node: Node) -> Result:
    """Clip between constants, of which either may be left out."""
    node.floats(*(place for place in range(len(node.inputs)) if node.has(place)))
    limits = [node.constant(place) for place in (1, 2) if node.has(place)]
    node.need(all(limit.shape == () for limit in limits), "its limits are no numbers")
    return one(node.inputs[0].shape)


def binary(node: Node) -> Result:
    """A function of two numbers each, of tensors that are broadcast."""
    node.floats()
    left, right = (value.shape for value in node.inputs)
    shape = broadcast(node, left, right)
    size = Value(0, shape).size
    return one(shape, multiplications=_FUNCTIONS.get(node.operator, 0) * size + _EACH_RUN * size // run(left, right))


def prelu(node: Node) -> Result:
    """A slope for negative numbers that is broadcast to x."""
    result = binary(node)
    node.need(result.outputs[0].shape == node.inputs[0].shape, "its slopes are more than its input")
    return result


def run(left: Shape, right: Shape) -> int:
    """How many numbers an engine adds at once: over the last sides along which one of both shapes, or neither, is 1."""
    rank = max(len(left), len(right))
    pairs = zip(((1,) * rank + left)[: -rank - 1 : -1], ((1,) * rank + right)[: -rank - 1 : -1], strict=True)
    sides = [pair for pair in pairs if pair != (1, 1) and not any(isinstance(side, Batch) for side in pair)]
    kinds = [(one == 1, other == 1) for one, other in sides]
    same = itertools.takewhile(lambda pair: pair[0] == kinds[0], zip(kinds, sides, strict=True))
    return math.prod(max(int(one), int(other)) for _, (one, other) in same)  # type: ignore[arg-type]


def broadcast(node: Node, left: Shape, right: Shape) -> Shape:
    """The shape of both together; one side of it at most is the batch."""
    rank = max(len(left), len(right))
    sides: list[Side] = []
    for here, there in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if not (here == there or 1 in (here, there)):
            break
        sides.append(there if here == 1 else here)
    if len(sides) < rank or sum(isinstance(side, Batch) for side in sides) > 1:
        node.need(False, f"{written(left)} and {written(right)} do not fit")
    return tuple(sides)
