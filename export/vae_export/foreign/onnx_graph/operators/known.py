"""Operators on numbers that are known while a graph is traced: how exporters compute shapes inside the graph."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import torch

from ..step import Step
from ..values import MOST_KNOWN, Known, is_symbolic, known
from .elementwise import Run

INTEGERS, FLOATS = (2, 3, 6, 7), (1, 10, 11, 16)  # ONNX's numbers of types


def _cast(step: Step, x: Known) -> Known:
    """Symbols stay what they are: a side is a whole number as a float too."""
    to = step.get("to")
    if is_symbolic(x):
        return x
    if to in INTEGERS:
        return known(int(entry) for entry in x.flat).reshape(x.shape)
    return x.astype(np.float64 if to in FLOATS else bool)


def _divide(step: Step, left: Known, right: Known) -> Known:
    whole = all(array.dtype.kind in "iu" or array.dtype == object for array in (left, right))
    return np.asarray(left // right if whole else left / right)  # sides are never negative


def _rounded(name: str) -> Run:
    def run(step: Step, x: Known) -> Known:
        return x if is_symbolic(x) else np.asarray(getattr(np, name)(x.astype(np.float64)))

    return run


def _gather(step: Step, x: Known, indices: Known) -> Known:
    return np.asarray(np.take(x, indices.astype(np.int64), axis=step.get("axis", 0)), dtype=x.dtype)


def _concat(step: Step, *parts: Known) -> Known:
    return np.concatenate(parts, axis=step.get("axis"))


def _unsqueeze(step: Step, x: Known, axes: Known) -> Known:
    return np.expand_dims(x, tuple(step.numbers(axes, "axes")))


def _squeeze(step: Step, x: Known, axes: Known | None = None) -> Known:
    return np.squeeze(x, None if axes is None else tuple(step.numbers(axes, "axes")))


def _reshape(step: Step, x: Known, shape: Known) -> Known:
    return x.reshape(step.numbers(shape, "new sides"))


def _slice(step: Step, x: Known, starts: Known, ends: Known, axes: Any = None, steps: Any = None) -> Known:
    count = starts.size
    where = step.numbers(axes, "axes") if axes is not None else range(count)
    strides = step.numbers(steps, "steps") if steps is not None else [1] * count
    parts = [slice(None)] * x.ndim
    for axis, low, high, stride in zip(where, starts.flat, ends.flat, strides, strict=True):
        parts[axis] = slice(int(low), None if stride < 0 and high < -x.shape[axis] else int(high), stride)
    return x[tuple(parts)]


def _split(step: Step, x: Known, sizes: Known | None = None) -> tuple[Known, ...]:
    axis = step.get("axis", 0)
    if sizes is None:
        return tuple(np.array_split(x, len(step.outputs), axis=axis))
    return tuple(np.split(x, np.cumsum(step.numbers(sizes, "sizes"))[:-1], axis=axis))


def _expand(step: Step, x: Known, shape: Known) -> Any:
    sides = step.numbers(shape, "sides")
    if any(isinstance(side, torch.SymInt) for side in sides) or np.prod(sides, dtype=float) > MOST_KNOWN:
        return NotImplemented
    return np.asarray(np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(sides))))


def _product(step: Step, x: Known, axes: Known | None = None) -> Known:
    where = None if axes is None else tuple(step.numbers(axes, "axes"))
    return np.asarray(np.prod(x, axis=where, keepdims=bool(step.get("keepdims", 1))), dtype=x.dtype)


def _two(function: Any) -> Run:
    return lambda step, left, right: np.asarray(function(left, right))


def _many(function: Any) -> Run:
    return lambda step, *values: np.asarray(reduce(function, values))


# A run may give NotImplemented: what it was asked for is a tensor.
KNOWN: dict[str, Run] = {
    "Add": _two(np.add),
    "And": _two(np.logical_and),
    "Cast": _cast,
    "Ceil": _rounded("ceil"),
    "Concat": _concat,
    "Div": _divide,
    "Equal": _two(np.equal),
    "Expand": _expand,
    "Floor": _rounded("floor"),
    "Gather": _gather,
    "Greater": _two(np.greater),
    "Identity": lambda step, x: x,
    "Less": _two(np.less),
    "Max": _many(np.maximum),
    "Min": _many(np.minimum),
    "Mod": _two(np.mod),
    "Mul": _two(np.multiply),
    "Neg": lambda step, x: np.asarray(-x),
    "Not": lambda step, x: np.logical_not(x),
    "Or": _two(np.logical_or),
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _two(np.subtract),
    "Unsqueeze": _unsqueeze,
    "Where": lambda step, condition, left, right: np.where(condition.astype(bool), left, right),
}
