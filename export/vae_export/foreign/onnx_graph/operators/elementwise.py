"""Operators that compute each number by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..step import Step
from ..values import Known, Value, as_tensor

Run = Callable[..., Any]


def _of_one(function: Callable[[Tensor], Tensor]) -> Run:
    return lambda step, x: function(as_tensor(x))


def _of_two(function: Callable[[Tensor, Tensor], Tensor]) -> Run:
    return lambda step, left, right: function(as_tensor(left), as_tensor(right))


def _of_many(function: Callable[[Tensor, Tensor], Tensor]) -> Run:
    return lambda step, *values: reduce(function, map(as_tensor, values))


def _divide(left: Tensor, right: Tensor) -> Tensor:
    whole = not (left.is_floating_point() or right.is_floating_point())
    return torch.div(left, right, rounding_mode="trunc") if whole else left / right


def _mean(step: Step, *values: Tensor | Known) -> Tensor:
    return reduce(torch.add, map(as_tensor, values)) / len(values)


def _clip(step: Step, x: Tensor, low: Value = None, high: Value = None) -> Tensor:
    bounds = [None if bound is None else step.numbers(bound, "bounds")[0] for bound in (low, high)]
    return x if bounds == [None, None] else torch.clamp(x, *bounds)


def _gelu(step: Step, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=step.get("approximate", "none"))


def _prelu(step: Step, x: Tensor, slope: Tensor) -> Tensor:
    """The slope lies along axis 1 where torch has a layer of it; other shapes are two terms."""
    if slope.numel() == 1 or (slope.dim() == x.dim() - 1 and slope.shape[0] == x.shape[1] == slope.numel()):
        return F.prelu(x, slope.flatten())
    return F.relu(x) - slope * F.relu(-x)


def _cast(step: Step, x: Tensor | Known, like: Value = None) -> Tensor:
    """To integers, to booleans or to floats; which floats is for the module to say, so that it can run in float64."""
    value, to = as_tensor(x), step.get("to")
    kind = like.dtype if isinstance(like, Tensor) else _KINDS.get(to)
    if kind is None:
        step.refuse(f"it casts to ONNX's type {to}, and float32, integers and booleans are what a model may hold")
    return value if kind.is_floating_point and value.is_floating_point() else value.to(kind)


def _where(step: Step, condition: Tensor | Known, left: Tensor | Known, right: Tensor | Known) -> Tensor:
    return torch.where(as_tensor(condition).bool(), as_tensor(left), as_tensor(right))


def _dropout(step: Step, x: Tensor, ratio: Value = None, training: Value = None) -> tuple[Tensor, None]:
    if training is not None and step.numbers(training, "training mode")[0]:
        step.refuse("it drops values at random; export the model in eval mode")
    return x, None


# ONNX's numbers of types: float, float16, double and bfloat16; uint8, int8, int32, int64; bool.
_KINDS = {
    **dict.fromkeys((1, 10, 11, 16), torch.float32),
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
}

ELEMENTWISE: dict[str, Run] = {
    "Abs": _of_one(torch.abs),
    "Add": _of_two(torch.add),
    "And": _of_two(torch.logical_and),
    "Cast": _cast,
    "CastLike": _cast,
    "Ceil": _of_one(torch.ceil),
    "Celu": lambda step, x: F.celu(x, alpha=step.get("alpha", 1.0)),
    "Clip": _clip,
    "Cos": _of_one(torch.cos),
    "Div": _of_two(_divide),
    "Dropout": _dropout,
    "Elu": lambda step, x: F.elu(x, alpha=step.get("alpha", 1.0)),
    "Equal": _of_two(torch.eq),
    "Erf": _of_one(torch.erf),
    "Exp": _of_one(torch.exp),
    "Floor": _of_one(torch.floor),
    "Gelu": _gelu,
    "Greater": _of_two(torch.gt),
    "GreaterOrEqual": _of_two(torch.ge),
    "HardSigmoid": lambda step, x: torch.clamp(x * step.get("alpha", 0.2) + step.get("beta", 0.5), 0, 1),
    "HardSwish": _of_one(F.hardswish),
    "Identity": lambda step, x: x,
    "LeakyRelu": lambda step, x: F.leaky_relu(x, step.get("alpha", 0.01)),
    "Less": _of_two(torch.lt),
    "LessOrEqual": _of_two(torch.le),
    "Log": _of_one(torch.log),
    "Max": _of_many(torch.maximum),
    "Mean": _mean,
    "Min": _of_many(torch.minimum),
    "Mish": _of_one(F.mish),
    "Mul": _of_two(torch.mul),
    "Neg": _of_one(torch.neg),
    "Not": _of_one(torch.logical_not),
    "Or": _of_two(torch.logical_or),
    "PRelu": _prelu,
    "Pow": _of_two(torch.pow),
    "Reciprocal": _of_one(torch.reciprocal),
    "Relu": _of_one(F.relu),
    "Round": _of_one(torch.round),
    "Selu": lambda step, x: (
        step.get("gamma", 1.0507009873554805) * F.elu(x, alpha=step.get("alpha", 1.6732632423543772))
    ),
    "Sigmoid": _of_one(torch.sigmoid),
    "Sign": _of_one(torch.sign),
    "Sin": _of_one(torch.sin),
    "Softplus": _of_one(F.softplus),
    "Softsign": _of_one(F.softsign),
    "Sqrt": _of_one(torch.sqrt),
    "Sub": _of_two(torch.sub),
    "Sum": _of_many(torch.add),
    "Tanh": _of_one(torch.tanh),
    "ThresholdedRelu": lambda step, x: F.threshold(x, step.get("alpha", 1.0), 0.0),
    "Where": _where,
}
