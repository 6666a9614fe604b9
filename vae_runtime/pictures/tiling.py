"""Pictures larger than a model's images: cut into overlapping windows, not scaled, and put together again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..spec import ImageSpec
from .fitting import fit_picture

Place = tuple[int, int]  # left, top


def cut(picture: Image.Image, spec: ImageSpec) -> tuple[npt.NDArray[np.uint8], list[Place]]:
    """Windows of the spec's size, not scaled, that cover a picture and overlap by half or a little more.

    Returns uint8 [windows, channels, height, width] and where each lies. Along a side on which the picture is smaller
    than a window, it is stretched to one.
    """
    _, height, width = spec.shape
    across, down = min(width, picture.width), min(height, picture.height)
    places = [(left, top) for top in _starts(picture.height, down) for left in _starts(picture.width, across)]
    return np.stack([window(picture, place, spec) for place in places]), places


def window(picture: Image.Image, place: Place, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    """The part of a picture that begins at `place`, as uint8 [channels, height, width] of the spec."""
    (left, top), (_, height, width) = place, spec.shape
    box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
    return fit_picture(picture.crop(box), replace(spec, fit="stretch"))


def stitch(maps: npt.NDArray[np.float32], places: list[Place], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Maps [windows, height, width] of windows at `places` as one of a picture's size (width, height): their mean."""
    whole = np.zeros((2, size[1], size[0]))
    for found, (left, top) in zip(maps, places, strict=True):
        part = np.s_[top : top + found.shape[0], left : left + found.shape[1]]
        whole[0][part] += found
        whole[1][part] += 1
    return np.asarray(whole[0] / whole[1], np.float32)


def _starts(size: int, window: int) -> list[int]:
    """Where windows begin along a side: at both ends, and evenly between."""
    steps = math.ceil((size - window) / (window / 2))
    return [round(step * (size - window) / max(1, steps)) for step in range(steps + 1)]
