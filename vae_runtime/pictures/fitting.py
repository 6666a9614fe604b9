"""One picture made to fit a model: mode, inversion, size. Training and every device run this same code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..spec import ImageSpec


def fit_picture(picture: Image.Image, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    """Fit an "L" or "RGB" picture, deterministic: uint8 [channels, height, width] of the spec's shape.

    Order: colour mode (grey is ITU-R 601-2 luma, Pillow's "L"), inversion, then size.
    """
    if picture.mode != spec.mode:
        picture = picture.convert(spec.mode)
    if spec.invert:
        picture = ImageOps.invert(picture)
    _, height, width = spec.shape
    size = (width, height)
    if picture.size != size:
        filter = Image.Resampling[spec.resample.upper()]
        if spec.fit == "stretch":
            picture = picture.resize(size, filter)
        elif spec.fit == "crop":
            picture = ImageOps.fit(picture, size, filter)
        else:
            picture = _pad(picture, size, filter)
    pixels = np.asarray(picture)
    return pixels[None] if spec.mode == "L" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pad(picture: Image.Image, size: tuple[int, int], filter: Image.Resampling) -> Image.Image:
    """`ImageOps.pad`, whose inner picture may shrink to nothing when it is very thin; here one pixel stays."""
    width, height = size
    if picture.width * height > picture.height * width:
        inner = (width, max(1, round(picture.height / picture.width * width)))
    else:
        inner = (max(1, round(picture.width / picture.height * height)), height)
    ground = Image.new(picture.mode, size)
    ground.paste(picture.resize(inner, filter), (round((width - inner[0]) / 2), round((height - inner[1]) / 2)))
    return ground
