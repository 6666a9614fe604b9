"""One picture made to fit a model: mode, inversion, size. Training and every device run this same code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..spec import ImageSpec

Box = tuple[float, float, float, float]  # left, top, right, bottom


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
        whole = (0, 0, *picture.size)
        if spec.fit == "stretch":
            picture = _resize(picture, size, filter, whole)
        elif spec.fit == "crop":
            picture = _resize(picture, size, filter, _middle(picture.size, size))
        else:
            inside = _inside(picture.size, size)
            ground = Image.new(picture.mode, size)
            place = round((width - inside[0]) / 2), round((height - inside[1]) / 2)
            ground.paste(_resize(picture, inside, filter, whole), place)
            picture = ground
    pixels = np.asarray(picture)
    return pixels[None] if spec.mode == "L" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def covered_box(found: tuple[int, int], spec: ImageSpec) -> tuple[tuple[int, int, int, int], Box]:
    """Which part of a picture of size `found` the model sees, in whole pixels, and which part of its image that is."""
    _, height, width = spec.shape
    whole, frame = (0, 0, *found), (0.0, 0.0, float(width), float(height))
    if spec.fit == "crop":
        left, top, right, bottom = _middle(found, (width, height))
        return (round(left), round(top), round(right), round(bottom)), frame
    if spec.fit == "pad":
        across, down = _inside(found, (width, height))
        left, top = round((width - across) / 2), round((height - down) / 2)
        return whole, (float(left), float(top), float(left + across), float(top + down))
    return whole, frame


def _resize(picture: Image.Image, size: tuple[int, int], filter: Image.Resampling, box: Box) -> Image.Image:
    """Scale what lies in `box`, horizontally first: each pass rounds, and Pillow from 13 on takes the cheaper order."""
    left, top, right, bottom = box
    rows = picture.resize((size[0], picture.height), filter, box=(left, 0, right, picture.height))
    return rows.resize(size, filter, box=(0, top, size[0], bottom))


def _middle(found: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """The largest centred part that has the wanted shape's aspect ratio."""
    width, height = found
    ratio = wanted[0] / wanted[1]
    across, down = (ratio * height, height) if width / height >= ratio else (width, width / ratio)
    left, top = (width - across) * 0.5, (height - down) * 0.5
    return left, top, left + across, top + down


def _inside(found: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the picture's own aspect ratio that lies in the wanted one; no side rounds to nothing."""
    (width, height), (across, down) = found, wanted
    if width / height > across / down:
        return across, max(1, round(height / width * across))
    if width / height < across / down:
        return max(1, round(width / height * down)), down
    return wanted
