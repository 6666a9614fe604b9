"""Operators that compute one number of many: sums, norms, pools, softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..step import Step
from ..values import Value
from .elementwise import Run
from .layers import bordered, windows

LOWEST = float(torch.finfo(torch.float32).min)  # what a border of a MaxPool holds; a graph may hold no infinity
MAX_POOLS: tuple[Any, ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGE_POOLS: tuple[Any, ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Run:
    def run(step: Step, x: Tensor, axes: Value = None) -> Tensor:
        where = step.numbers(axes, "axes") if axes is not None else step.get("axes") or []
        if not where and step.get("noop_with_empty_axes", 0):
            return x
        return function(x, where or list(range(x.dim())), bool(step.get("keepdims", 1)))

    return run


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _softmax(function: Callable[..., Tensor]) -> Run:
    return lambda step, x: function(x, dim=step.get("axis", -1))


def _batch_norm(step: Step, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    if step.get("training_mode", 0):
        step.refuse("it uses the statistics of the batch; export the model in eval mode")
    return F.batch_norm(x, mean, variance, scale, bias, training=False, eps=step.get("epsilon", 1e-5))


def _instance_norm(step: Step, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    if x.shape[0] == 0:  # which torch's function does not take
        return x
    return F.instance_norm(x, weight=scale, bias=bias, eps=step.get("epsilon", 1e-5))


def _group_norm(step: Step, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Opset 18 has a scale for each group, opset 21 for each channel."""
    groups = step.get("num_groups")
    if len(scale) == groups != x.shape[1]:
        scale, bias = (part.repeat_interleave(x.shape[1] // groups) for part in (scale, bias))
    return F.group_norm(x, groups, scale, bias, eps=step.get("epsilon", 1e-5))


def _layer_norm(step: Step, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = step.get("axis", -1) % x.dim()
    sides = list(x.shape[axis:])
    return F.layer_norm(
        x, sides, scale.expand(sides), None if bias is None else bias.expand(sides), step.get("epsilon", 1e-5)
    )


def _max_pool(step: Step, x: Tensor) -> Tensor:
    kernel = step.get("kernel_shape")
    strides, dilations, before, after = windows(step, x, kernel)
    padding = before
    if before != after or any(2 * border > width for border, width in zip(before, kernel, strict=True)):
        x, padding = bordered(x, before, after, LOWEST), [0] * len(before)
    return MAX_POOLS[len(kernel) - 1](x, kernel, strides, padding, dilations, bool(step.get("ceil_mode", 0)))


def _average_pool(step: Step, x: Tensor) -> Tensor:
    """Without the border among what is averaged, where the ends differ: the sum over the count of true pixels."""
    kernel = step.get("kernel_shape")
    strides, dilations, before, after = windows(step, x, kernel)
    if any(dilation != 1 for dilation in dilations):
        step.refuse("it averages pixels that lie apart (dilations)")
    pool, with_border = AVERAGE_POOLS[len(kernel) - 1], bool(step.get("count_include_pad", 0))
    ceil = bool(step.get("ceil_mode", 0))
    if before == after and all(2 * border <= width for border, width in zip(before, kernel, strict=True)):
        return pool(x, kernel, strides, before, ceil, with_border)
    if ceil:
        step.refuse("its border differs from end to end and it rounds sizes up")
    sums = pool(bordered(x, before, after), kernel, strides)
    if with_border:
        return sums
    ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype)
    return sums / pool(bordered(ones, before, after), kernel, strides)


def _global(function: Callable[[Tensor, list[int]], Tensor]) -> Run:
    return lambda step, x: function(x, list(range(2, x.dim())))


STATISTICS: dict[str, Run] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "GlobalAveragePool": _global(lambda x, axes: x.mean(axes, keepdim=True)),
    "GlobalMaxPool": _global(lambda x, axes: x.amax(axes, keepdim=True)),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _softmax(F.log_softmax),
    "MaxPool": _max_pool,
    "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": _reduction(lambda x, axes, keep: (x * x).sum(axes, keep).sqrt()),
    "ReduceLogSumExp": _reduction(lambda x, axes, keep: x.logsumexp(axes, keep)),
    "ReduceMax": _reduction(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMean": _reduction(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceMin": _reduction(lambda x, axes, keep: x.amin(axes, keep)),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: (x * x).sum(axes, keep)),
    "Softmax": _softmax(F.softmax),
}
