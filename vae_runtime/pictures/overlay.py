"""A map of the model's frame laid over the picture it came from, at the picture's own size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..spec import ImageSpec
from .fitting import Box, covered_box
from .strips import Croppable, strips

RED = (230, 20, 20)
OPACITY = 0.75  # of the strangest places


def overlay(
    picture: Croppable, strangeness: npt.NDArray[np.float32], spec: ImageSpec, *, low: float, high: float
) -> Iterator[Image.Image]:
    """The picture in grey, reddened where `strangeness` [height, width] goes from `low` up to `high`; deterministic.

    Yields its rows from the top down, in parts. What `spec` cut off stays grey, and what it added at the borders is
    left out.
    """
    opacity = np.clip((strangeness - low) / max(high - low, 1e-9), 0, 1) * OPACITY
    layer = Image.fromarray(np.rint(opacity * 255).astype(np.uint8))
    for top, strip in strips(picture):
        mask = _mask(layer, covered_box(picture.size, spec), top, strip.size)
        yield Image.composite(Image.new("RGB", strip.size, RED), strip.convert("L").convert("RGB"), mask)


def _mask(
    layer: Image.Image, covered: tuple[tuple[int, int, int, int], Box], first: int, size: tuple[int, int]
) -> Image.Image:
    """How red each pixel of the rows from `first` on is, where `covered` of the picture is of the layer."""
    (left, top, right, bottom), frame = covered
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    mask = Image.new("L", size)
    begin, end = max(top, first), min(bottom, first + size[1])
    if begin < end:
        scale = (frame[3] - frame[1]) / (bottom - top)
        rows = (min(frame[1] + (row - top) * scale, frame[3]) for row in (begin, end))
        box = (frame[0], next(rows), frame[2], next(rows))
        mask.paste(layer.resize((right - left, end - begin), Image.Resampling.BILINEAR, box=box), (left, begin - first))
    return mask
