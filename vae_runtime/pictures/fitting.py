"""One picture made to fit a model: mode, inversion, size. Training and every device run this same code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..spec import ImageSpec
from .strips import Croppable, strips

ROWS_BYTES = 2**22  # of what the first pass makes, kept for the second

Box = tuple[float, float, float, float]  # left, top, right, bottom


def fit_picture(picture: Croppable, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    """Fit an "L" or "RGB" picture, deterministic: uint8 [channels, height, width] of the spec's shape.

    Order: colour mode (grey is ITU-R 601-2 luma, Pillow's "L"), inversion, then size.
    """
    _, height, width = spec.shape
    size = (width, height)
    whole = (0, 0, *picture.size)
    if picture.size == size:
        fitted = _converted(picture.crop(whole), spec)
    elif spec.fit == "stretch":
        fitted = _resize(picture, size, spec, whole)
    elif spec.fit == "crop":
        fitted = _resize(picture, size, spec, _middle(picture.size, size))
    else:
        inside = _inside(picture.size, size)
        fitted = Image.new(spec.mode, size)
        place = round((width - inside[0]) / 2), round((height - inside[1]) / 2)
        fitted.paste(_resize(picture, inside, spec, whole), place)
    pixels = np.asarray(fitted)
    return pixels[None] if spec.mode == "L" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def covered_box(size: tuple[int, int], spec: ImageSpec) -> tuple[tuple[int, int, int, int], Box]:
    """Which part of a picture of (width, height) the model sees, in whole pixels, and which of its image that is."""
    _, height, width = spec.shape
    whole, frame = (0, 0, *size), (0.0, 0.0, float(width), float(height))
    if spec.fit == "crop":
        left, top, right, bottom = _middle(size, (width, height))
        return (round(left), round(top), round(right), round(bottom)), frame
    if spec.fit == "pad":
        across, down = _inside(size, (width, height))
        left, top = round((width - across) / 2), round((height - down) / 2)
        return whole, (float(left), float(top), float(left + across), float(top + down))
    return whole, frame


def _resize(picture: Croppable, size: tuple[int, int], spec: ImageSpec, box: Box) -> Image.Image:
    """Scale what lies in `box`, horizontally first: each pass rounds, and Pillow from 13 on takes the cheaper order.

    The first pass takes each row by itself and the second each column: so the first goes strip by strip, and of a tall
    picture for a wide model is done more than once, for some of the columns each time.
    """
    filter, (_, top, _, bottom), height = Image.Resampling[spec.resample.upper()], box, picture.size[1]
    resized = Image.new(spec.mode, size)
    columns = max(1, ROWS_BYTES // (height * (1 if spec.mode == "L" else 4)))
    for left in range(0, size[0], columns):
        right = min(size[0], left + columns)
        rows = Image.new(spec.mode, (right - left, height))
        for place, part in _narrowed(picture, size[0], spec, box):
            rows.paste(part.crop((left, 0, right, part.height)), (0, place))
        resized.paste(rows.resize((right - left, size[1]), filter, box=(0, top, right - left, bottom)), (left, 0))
    return resized


def _narrowed(picture: Croppable, width: int, spec: ImageSpec, box: Box) -> Iterator[tuple[int, Image.Image]]:
    """Strips of a picture, each scaled horizontally alone, and the rows at which they begin."""
    filter, (left, _, right, _) = Image.Resampling[spec.resample.upper()], box
    for top, strip in strips(picture):
        yield top, _converted(strip, spec).resize((width, strip.height), filter, box=(left, 0, right, strip.height))


def _converted(picture: Image.Image, spec: ImageSpec) -> Image.Image:
    """In the mode of the spec, inverted where it asks for that."""
    if picture.mode != spec.mode:
        picture = picture.convert(spec.mode)
    return ImageOps.invert(picture) if spec.invert else picture


def _middle(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """The largest centred part that has the wanted shape's aspect ratio."""
    width, height = size
    ratio = wanted[0] / wanted[1]
    across, down = (ratio * height, height) if width / height >= ratio else (width, width / ratio)
    left, top = (width - across) * 0.5, (height - down) * 0.5
    return left, top, left + across, top + down


def _inside(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the picture's own aspect ratio that lies in the wanted one; no side rounds to nothing."""
    (width, height), (across, down) = size, wanted
    if width / height > across / down:
        return across, max(1, round(height / width * across))
    if width / height < across / down:
        return max(1, round(width / height * down)), down
    return wanted
