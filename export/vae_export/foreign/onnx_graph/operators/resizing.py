"""Resize as torch does it: nearest and linear, where both mean the same pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ..step import Step
from ..values import Value
from .elementwise import Run

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}  # torch's names, by sides
ROUNDINGS: dict[str, Callable[[Any], Any]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _resize(step: Step, x: Tensor, region: Value = None, scales: Value = None, sizes: Value = None) -> Tensor:
    if step.get("antialias", 0) or step.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        step.refuse("it smooths, or keeps proportions; plain nearest and linear resizing can be")
    old, new = list(x.shape[2:]), _new_sides(step, x, scales, sizes)
    if new == old:
        return x
    mode, coordinates = step.get("mode", "nearest"), step.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        for before, after in zip(old, new, strict=True):
            if not np.array_equal(_nearest(step, before, after), np.arange(after) * before // after):
                step.refuse(f"its nearest pixels by {coordinates!r} are others than those that torch repeats")
        return F.interpolate(x, mode="nearest", **_size(old, new))
    if mode != "linear" or coordinates not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        step.refuse(
            f"it resizes by {mode!r} with {coordinates!r}; nearest, and linear by half pixels or corners can be"
        )
    if coordinates == "align_corners":
        return F.interpolate(x, size=new, mode=LINEAR[len(new)], align_corners=True)
    return F.interpolate(x, mode=LINEAR[len(new)], align_corners=False, **_size(old, new))


def _size(old: list[int], new: list[int]) -> dict[str, Any]:
    """Whole factors stay factors: torch's exporter writes sizes with a batch that the graph must compute."""
    whole = all(after % before == 0 for before, after in zip(old, new, strict=True))
    if whole:
        return {"scale_factor": [float(after // before) for before, after in zip(old, new, strict=True)]}
    return {"size": new}


def _new_sides(step: Step, x: Tensor, scales: Value, sizes: Value) -> list[int]:
    """The sides behind batch and channels, which stay as they are."""
    where = [axis % x.dim() for axis in step.get("axes") or range(x.dim())]
    new: list[Any] = list(x.shape)
    if sizes is not None and len(step.numbers(sizes, "sizes")):
        for axis, side in zip(where, step.numbers(sizes, "sizes"), strict=True):
            new[axis] = side if axis else new[0]
    else:
        for axis, scale in zip(where, step.numbers(scales, "scales"), strict=True):
            if scale != 1:
                side = x.shape[axis] * float(scale)
                new[axis] = round(side)
                if axis < 2 or abs(side - round(side)) > 1e-3:
                    step.refuse(f"it scales axis {axis} of {list(x.shape)[1:]} by {scale}, which gives no whole pixels")
    if new[1] != x.shape[1]:
        step.refuse(f"it makes {new[1]} channels of {x.shape[1]}")
    return [int(side) for side in new[2:]]


def _nearest(step: Step, before: int, after: int) -> Any:
    """The source of each pixel along one side, as ONNX defines it."""
    place, scale = np.arange(after, dtype=np.float64), after / before
    coordinates = step.get("coordinate_transformation_mode", "half_pixel")
    sources = {
        "half_pixel": (place + 0.5) / scale - 0.5,
        "pytorch_half_pixel": (place + 0.5) / scale - 0.5 if after > 1 else 0 * place,
        "half_pixel_symmetric": (place + 0.5) / scale - 0.5,
        "asymmetric": place / scale,
        "align_corners": place * (before - 1) / max(after - 1, 1),
        "tf_half_pixel_for_nn": (place + 0.5) / scale,
    }
    if coordinates not in sources:
        step.refuse(f"its places are by {coordinates!r}")
    rounding = ROUNDINGS[step.get("nearest_mode", "round_prefer_floor")]
    return np.clip(rounding(sources[coordinates]), 0, before - 1).astype(int)


RESIZING: dict[str, Run] = {"Resize": _resize}
