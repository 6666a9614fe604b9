"""Operators that move numbers and compute none: shapes, slices, joins, borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..step import Step
from ..values import MOST_KNOWN, Known, Value, as_tensor, is_symbolic, known, scalar
from .elementwise import Run

BORDERS = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}  # ONNX's name: torch's


def _shape(step: Step, x: Tensor | Known) -> Known:
    return known(x.shape)[slice(step.get("start", 0), step.get("end"))]


def _size(step: Step, x: Tensor | Known) -> Known:
    return scalar(_product(x.shape))


def _reshape(step: Step, x: Tensor, shape: Value) -> Tensor:
    """A side of 0 is that of the input."""
    sides = step.numbers(shape, "new sides")
    if not step.get("allowzero", 0):
        sides = [x.shape[axis] if isinstance(side, int) and side == 0 else side for axis, side in enumerate(sides)]
    if -1 in sides[1:] and sides[0] == x.shape[0]:  # said outright: of no rows torch cannot tell what -1 is
        open_one = sides.index(-1)
        sides[open_one] = _product(x.shape[1:]) // _product(sides[1:open_one] + sides[open_one + 1 :])
    return x.reshape(sides)


def _flatten(step: Step, x: Tensor) -> Tensor:
    """To two sides; the usual case, from axis 1, keeps the batch as it is."""
    axis = step.get("axis", 1) % (x.dim() + 1)
    return (
        x.flatten(1) if axis == 1 and x.dim() > 1 else x.reshape([_product(x.shape[:axis]), _product(x.shape[axis:])])
    )


def _product(sides: Any) -> Any:
    return np.prod(known(sides)) if len(sides) else 1


def _squeeze(step: Step, x: Tensor, axes: Value = None) -> Tensor:
    if axes is None:
        step.refuse("it does not say which axes it takes away; with the batch unknown that is open")
    return x.squeeze(tuple(step.numbers(axes, "axes")))


def _unsqueeze(step: Step, x: Tensor, axes: Value) -> Tensor:
    where = step.numbers(axes, "axes")
    for axis in sorted(axis % (x.dim() + len(where)) for axis in where):
        x = x.unsqueeze(axis)
    return x


def _transpose(step: Step, x: Tensor) -> Tensor:
    return x.permute(step.get("perm") or list(range(x.dim()))[::-1])


def _concat(step: Step, *parts: Tensor | Known) -> Tensor:
    return torch.cat([as_tensor(part) for part in parts], dim=step.get("axis"))


def _split(step: Step, x: Tensor, sizes: Value = None) -> tuple[Tensor, ...]:
    axis, parts = step.get("axis", 0), len(step.outputs)
    if sizes is not None:
        return x.split(step.numbers(sizes, "sizes"), dim=axis)
    return x.split(-(-x.shape[axis] // parts), dim=axis)


def _slice(step: Step, x: Tensor, starts: Value, ends: Value, axes: Value = None, steps: Value = None) -> Tensor:
    lows, highs = step.numbers(starts, "starts"), step.numbers(ends, "ends")
    places = step.numbers(axes, "axes") if axes is not None else range(len(lows))
    strides = step.numbers(steps, "steps") if steps is not None else [1] * len(lows)
    for low, high, axis, stride in zip(lows, highs, places, strides, strict=True):
        side = x.shape[axis]
        if stride == -1 and low in (-1, side - 1) and high < -side:
            x = x.flip(axis)
        elif stride < 1:
            step.refuse(f"it takes a part backwards, in steps of {stride}")
        else:
            x = x[(slice(None),) * (axis % x.dim()) + (slice(low, min(high, side), stride),)]
    return x


def _gather(step: Step, x: Tensor | Known, indices: Value) -> Tensor:
    """Known places of a tensor; one place is a slice, which every engine has."""
    if not isinstance(indices, np.ndarray) or is_symbolic(indices):
        step.refuse("it looks up places that depend on the values of images or latents")
    values, axis = as_tensor(x), step.get("axis", 0)
    side = values.shape[axis]
    places = [int(place) % side for place in indices.flat]
    if indices.ndim == 0:
        return values.narrow(axis, places[0], 1).squeeze(axis)
    if places == list(range(places[0], places[0] + len(places))):
        found = values.narrow(axis, places[0], len(places))
    else:
        found = torch.cat([values.narrow(axis, place, 1) for place in places], dim=axis)
    return found if indices.ndim == 1 else found.unflatten(axis, indices.shape)


def _expand(step: Step, x: Tensor | Known, shape: Value) -> Tensor:
    values, sides = as_tensor(x), step.numbers(shape, "sides")
    own = [1] * (len(sides) - values.dim()) + list(values.shape)
    sides = [1] * (len(own) - len(sides)) + sides
    return values.expand([mine if side == 1 else side for mine, side in zip(own, sides, strict=True)])


def _tile(step: Step, x: Tensor | Known, repeats: Value) -> Tensor:
    return as_tensor(x).repeat(step.numbers(repeats, "repeats"))


def _constant_of_shape(step: Step, shape: Value) -> Tensor | Known:
    """Whole numbers of a few fixed places stay known: they are part of a computation of shapes."""
    sides, value = step.numbers(shape, "sides"), _fill(step)
    if value.dtype.kind != "f" and all(isinstance(side, int) for side in sides) and _product(sides) <= MOST_KNOWN:
        return np.full(sides, value)
    return as_tensor(value).expand(sides)


def _fill(step: Step) -> Known:
    import onnx.numpy_helper

    proto = step.get("value")
    return np.zeros((), np.float32) if proto is None else onnx.numpy_helper.to_array(proto).reshape(())


def _range(step: Step, start: Value, limit: Value, delta: Value) -> Known:
    ends = [step.numbers(value, "limits")[0] for value in (start, limit, delta)]
    if not all(isinstance(end, (int, float)) for end in ends):
        step.refuse("it counts along the batch")
    return np.arange(*ends)


def _pad(step: Step, x: Tensor, pads: Value, value: Value = None, axes: Value = None) -> Tensor:
    mode = step.get("mode", "constant")
    if mode not in BORDERS:
        step.refuse(f"its mode is {mode!r}, and {sorted(BORDERS)} are the modes of this format")
    amounts = step.numbers(pads, "amounts")
    where = [axis % x.dim() for axis in step.numbers(axes, "axes")] if axes is not None else list(range(x.dim()))
    first, last = amounts[: len(where)], amounts[len(where) :]
    both = {axis: pair for axis, *pair in zip(where, first, last, strict=True) if any(pair)}
    if not both:
        return x
    torch_order = [amount for axis in range(x.dim() - 1, min(both) - 1, -1) for amount in both.get(axis, (0, 0))]
    if mode != "constant":
        return F.pad(x, torch_order, mode=BORDERS[mode])
    return F.pad(x, torch_order, value=step.numbers(value, "value")[0] if value is not None else 0.0)


def _depth_to_space(step: Step, x: Tensor) -> Tensor:
    block = step.get("blocksize")
    if step.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, block)
    batch, channels, height, width = x.shape
    deep = x.reshape(batch, block, block, channels // block**2, height, width)
    return deep.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, height * block, width * block)


def _space_to_depth(step: Step, x: Tensor) -> Tensor:
    block = step.get("blocksize")
    batch, channels, height, width = x.shape
    wide = x.reshape(batch, channels, height // block, block, width // block, block)
    return wide.permute(0, 3, 5, 1, 2, 4).reshape(batch, channels * block**2, height // block, width // block)


SHAPING: dict[str, Run] = {
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
