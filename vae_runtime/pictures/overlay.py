"""A map of the model's frame laid over the picture it came from, at the picture's own size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..spec import ImageSpec
from .fitting import covered_box

RED = (230, 20, 20)
OPACITY = 0.75  # of the strangest places


def overlay(
    picture: Image.Image, strangeness: npt.NDArray[np.float32], spec: ImageSpec, *, low: float, high: float
) -> Image.Image:
    """The picture in grey, reddened where `strangeness` [height, width] goes from `low` up to `high`; deterministic.

    What `spec` cut off stays grey, and what it added at the borders is left out.
    """
    opacity = np.clip((strangeness - low) / max(high - low, 1e-9), 0, 1) * OPACITY
    layer = Image.fromarray(np.rint(opacity * 255).astype(np.uint8))
    (left, top, right, bottom), frame = covered_box(picture.size, spec)
    mask = Image.new("L", picture.size)
    part = layer.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR, box=frame)
    mask.paste(part, (left, top))
    ground = picture.convert("L").convert("RGB")
    return Image.composite(Image.new("RGB", picture.size, RED), ground, mask)
