"""Strips of a large picture as a picture of bytes: a quarter of what its float32 numbers would take."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..pictures.pixels import to_uint8


def paint(strips: Iterable[npt.NDArray[np.float32]], mode: str, size: tuple[int, int]) -> Image.Image:
    """Strips [channels, some rows, width] in [0, 1], from the top down, as an "L" or "RGB" image of (width, height)."""
    picture, top = Image.new(mode, size), 0
    for strip in strips:
        pixels = to_uint8(strip).transpose(1, 2, 0)
        picture.paste(Image.fromarray(pixels[..., 0] if mode == "L" else np.ascontiguousarray(pixels)), (0, top))
        top += strip.shape[1]
    return picture
