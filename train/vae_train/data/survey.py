"""A look at a folder of pictures before it is decoded: how many there are, how large, in which colours."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_runtime.errors import InputError
from vae_runtime.pictures.ahead import ahead
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import open_picture
from vae_runtime.pictures.walking import pictures_in
from vae_runtime.spec import ImageSpec

LOOKED_AT = 64  # pictures, evenly spaced over the paths
LOOKED_AT_SIDE = 64  # pixels of the longer side at which colours are looked for
SIDES = (28, 256)  # that can be trained at
USUAL_SIDE = 64  # the longest shorter side that is chosen: more costs time and wins little
COLOUR_SHARE = 0.1  # of the pictures: with fewer in colour, the model is grey
COLOURFUL = 8  # grey levels that the channels of a pixel differ by


class Survey(NamedTuple):
    """What the pictures of a folder are like; sizes are [width, height]."""

    pictures: int
    size: tuple[int, int]
    mode: str


class _Look(NamedTuple):
    width: int
    height: int
    is_colour: bool


def survey(folder: Path) -> Survey:
    """Look at some pictures of a folder: the size and colour mode that a model of them should have.

    The size has the median aspect ratio; its shorter side is the median one, as far as that can be trained at in an
    evening.
    """
    if not folder.is_dir():
        raise InputError(f"--data is {str(folder)!r}; expected mnist, digits, or a folder of pictures.")
    paths = pictures_in(folder)
    chosen = paths[:: max(1, len(paths) // LOOKED_AT)]
    looks = [look for look in ahead(_look, chosen) if look]
    if not looks:
        raise InputError(f"the folder {folder} holds no picture that can be read (PNG, JPEG, WebP or BMP).")
    is_colour = sum(look.is_colour for look in looks) >= COLOUR_SHARE * len(looks)
    return Survey(len(paths), _size(looks), "RGB" if is_colour else "L")


def _look(path: Path) -> _Look | None:
    try:
        with open_picture(path) as picture:
            width, height = picture.size
            if picture.mode == "L":
                return _Look(width, height, False)
            scale = min(1, LOOKED_AT_SIDE / max(width, height))
            shape = (3, max(1, round(height * scale)), max(1, round(width * scale)))
            pixels = fit_picture(picture, ImageSpec(shape=shape, mode="RGB", resample="bicubic")).astype(np.int16)
    except InputError:
        return None
    return _Look(width, height, bool((np.ptp(pixels, axis=0) > COLOURFUL).mean() > 0.01))


def _size(looks: list[_Look]) -> tuple[int, int]:
    least, most = SIDES
    ratio = math.exp(statistics.median(math.log(look.width / look.height) for look in looks))
    usual = statistics.median_low(min(look.width, look.height) for look in looks)
    side = min(USUAL_SIDE, max(least, usual))
    if 0.8 <= ratio <= 1.25:
        return side, side
    step = 1 if side == usual else 4  # pictures that are scaled anyway get an even number of pixels
    longer = min(most, step * round(side * max(ratio, 1 / ratio) / step))
    return (longer, side) if ratio > 1 else (side, longer)
