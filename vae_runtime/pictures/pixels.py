"""Bytes to numbers and back: the one pixel map of training, export and every device.

Pixels are divided by 255 (not multiplied by 1/255: that gives another float32 for 126 of the 256 values). Back: clip to
[0, 1], times 255, round half to even. The two are inverse on all 256 values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError


def from_uint8(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Map uint8 0 .. 255 to float32 in [0, 1], any shape."""
    pixels = as_array(pixels, "pixels")
    if pixels.dtype != np.uint8:
        raise InputError(f"pixels are {pixels.dtype}; expected uint8.")
    return pixels.astype(np.float32) / np.float32(255)


def to_uint8(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Map float [0, 1] to uint8 0 .. 255, any shape; values outside are clipped, halves go to even."""
    images = as_array(images, "images")
    if images.dtype.kind != "f":
        raise InputError(f"images are {images.dtype}; expected floating point in [0, 1].")
    if not np.isfinite(images).all():
        raise InputError("images hold NaN or infinity; expected numbers in [0, 1].")
    pixels: npt.NDArray[np.uint8] = np.rint(np.clip(images, 0, 1) * images.dtype.type(255)).astype(np.uint8)
    return pixels
