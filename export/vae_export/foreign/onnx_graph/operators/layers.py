"""Operators with weights, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..step import Step
from .elementwise import Run

CONVOLUTIONS: tuple[Any, ...] = (F.conv1d, F.conv2d, F.conv3d)
TRANSPOSED: tuple[Any, ...] = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def windows(step: Step, x: Tensor, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Strides, dilations, and the border before and after each side, of an operator that slides along `x`."""
    sides = len(kernel)
    strides, dilations = step.get("strides", [1] * sides), step.get("dilations", [1] * sides)
    auto = step.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        pads = step.get("pads", [0] * 2 * sides) if auto == "NOTSET" else [0] * 2 * sides
        return strides, dilations, pads[:sides], pads[sides:]
    before, after = [], []
    for side, width, stride, dilation in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max((-(-side // stride) - 1) * stride + (width - 1) * dilation + 1 - side, 0)
        small, large = total // 2, total - total // 2
        before.append(small if auto == "SAME_UPPER" else large)
        after.append(large if auto == "SAME_UPPER" else small)
    return strides, dilations, before, after


def bordered(x: Tensor, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
    """`x` with a border of one value; torch names the last side first."""
    pairs = [amount for pair in zip(before[::-1], after[::-1], strict=True) for amount in pair]
    return F.pad(x, pairs, value=value) if any(pairs) else x


def _convolution(step: Step, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    strides, dilations, before, after = windows(step, x, weight.shape[2:])
    padding = before
    if before != after:
        x, padding = bordered(x, before, after), [0] * len(before)
    function = CONVOLUTIONS[len(before) - 1]
    return function(x, weight, bias, strides, padding, dilations, step.get("group", 1))


def _transposed_convolution(step: Step, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Torch takes the same border off both ends; where they differ the result is cut."""
    kernel = weight.shape[2:]
    sides = len(kernel)
    strides, dilations = step.get("strides", [1] * sides), step.get("dilations", [1] * sides)
    extra = step.get("output_padding", [0] * sides)
    full = [
        stride * (side - 1) + more + (width - 1) * dilation + 1
        for side, stride, more, width, dilation in zip(x.shape[2:], strides, extra, kernel, dilations, strict=True)
    ]
    before, after = _cut(step, x, full, strides)
    function = TRANSPOSED[sides - 1]
    group = step.get("group", 1)
    if before == after:
        return function(x, weight, bias, strides, before, extra, group, dilations)
    result = function(x, weight, bias, strides, 0, extra, group, dilations)
    for axis, (low, high, side) in enumerate(zip(before, after, full, strict=True), 2):
        result = result.narrow(axis, low, side - low - high)
    return result


def _cut(step: Step, x: Tensor, full: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """What a transposed convolution of the sides `full` takes off at each end."""
    sides, auto = len(full), step.get("auto_pad", "NOTSET")
    wanted = step.get("output_shape")
    if wanted is None and auto in ("NOTSET", "VALID"):
        pads = step.get("pads", [0] * 2 * sides) if auto == "NOTSET" else [0] * 2 * sides
        return pads[:sides], pads[sides:]
    if wanted is None:
        wanted = [side * stride for side, stride in zip(x.shape[2:], strides, strict=True)]
    totals = [side - asked for side, asked in zip(full, wanted[-sides:], strict=True)]
    if min(totals) < 0:
        step.refuse(f"its result would be larger than its products: {full} of {wanted}")
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (small, large) if auto == "SAME_UPPER" else (large, small)


def _gemm(step: Step, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """A linear layer where it is one, so that it stays one node."""
    a = a.T if step.get("transA", 0) else a
    weight = b if step.get("transB", 0) else b.T
    alpha, beta = step.get("alpha", 1.0), step.get("beta", 1.0)
    if alpha == 1 and (c is None or (beta == 1 and c.dim() == 1)):
        return F.linear(a, weight, c)
    product = alpha * F.linear(a, weight)
    return product if c is None else product + beta * c


def _einsum(step: Step, *values: Tensor) -> Tensor:
    return torch.einsum(step.get("equation"), *values)


LAYERS: dict[str, Run] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "MatMul": lambda step, left, right: torch.matmul(left, right),
}
