"""Images made larger or smaller by constant scales or to constant sizes."""

from __future__ import annotations

import math

import numpy as np

from ..sides import BATCH, length, written
from ..values import FLOAT32, Node, Result, Value, one

LARGEST_SCALE = 64
_COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
_NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_PER_NUMBER = 64  # what a number of the result takes, in multiplications


def resize(node: Node) -> Result:
    """Resize of height and width, nearest or linear, without a region or antialiasing."""
    node.floats(0)
    mode = node.attribute("mode", "nearest", lambda value: value in ("nearest", "linear"))
    node.attribute("coordinate_transformation_mode", "half_pixel", lambda value: value in _COORDINATES)
    node.attribute("nearest_mode", "round_prefer_floor", lambda value: value in _NEAREST)
    node.attribute("keep_aspect_ratio_policy", "stretch", lambda value: value == "stretch")
    for name in ("antialias", "exclude_outside"):
        node.attribute(name, 0, lambda value: value == 0)
    node.number("cubic_coeff_a", -0.75)  # of another mode, as is the next
    node.number("extrapolation_value", 0.0)
    shape = node.inputs[0].shape
    node.need(len(shape) == 4 and shape[0] == BATCH, f"its input is {written(shape)}, no images")
    axes = node.attribute("axes", [0, 1, 2, 3], lambda value: value in ([0, 1, 2, 3], [2, 3]))
    before = [length(shape[axis]) for axis in (2, 3)]
    after = _sizes(node, axes, before)
    node.need(
        all(
            1 <= new <= LARGEST_SCALE * old and old <= LARGEST_SCALE * new
            for old, new in zip(before, after, strict=True)
        ),
        f"{before} becomes {after}",
    )
    result = (*shape[:2], *after)
    size = Value(FLOAT32, result).size
    # Linear ones go along lists of places and weights, whose bytes are counted for each row.
    return one(result, multiplications=_PER_NUMBER * size, workspace=64 * sum(after) if mode == "linear" else 0)


def _sizes(node: Node, axes: list[int], before: list[int]) -> list[int]:
    """Height and width of the result."""
    node.need(not node.has(1), "it cuts out a region")
    node.need(node.has(2) != node.has(3), "it has scales and sizes, or neither")
    if node.has(3):
        sizes = node.integers(3)
        node.need(axes == [2, 3] and len(sizes) == 2, f"its sizes {sizes} are of axes {axes}; expected 2 and 3")
        return sizes
    scales = node.constant(2)
    node.need(scales.dtype == np.float32 and scales.shape == (len(axes),), f"its scales are not of axes {axes}")
    node.need(bool((scales > 0).all()) and (scales[:-2] == 1).all(), "it scales the batch or its channels, or by 0")
    # onnxruntime multiplies in float32 and rounds down.
    return [math.floor(np.float32(side) * scale) for side, scale in zip(before, scales[-2:], strict=True)]
