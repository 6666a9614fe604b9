"""Pictures larger than a model's images: cut into overlapping windows, not scaled, and put together again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..spec import ImageSpec
from .fitting import fit_picture
from .strips import Croppable

PART_PIXELS = 2**20  # of the windows that are cut at one time
MAP_CELLS = 2**20

Place = tuple[int, int]  # left, top


def cut(picture: Croppable, spec: ImageSpec) -> Iterator[tuple[npt.NDArray[np.uint8], list[Place]]]:
    """Windows of the spec's size, not scaled, that cover a picture and overlap by half or a little more; in parts.

    Yields uint8 [windows, channels, height, width], some at a time, and where each lies. Along a side on which the
    picture is smaller than a window, it is stretched to one.
    """
    places = ((left, top) for top, left in itertools.product(*_grid(picture.size, spec)))
    while some := list(itertools.islice(places, max(1, PART_PIXELS // math.prod(spec.shape)))):
        yield np.stack([window(picture, place, spec) for place in some]), some


def window(picture: Croppable, place: Place, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    """The part of a picture that begins at `place`, as uint8 [channels, height, width] of the spec."""
    (left, top), (_, height, width) = place, spec.shape
    box = (left, top, min(left + width, picture.size[0]), min(top + height, picture.size[1]))
    return fit_picture(picture.crop(box), replace(spec, fit="stretch"))


class Mosaic:
    """Maps of a picture's windows as one map: their mean.

    Of a picture of more than MAP_CELLS pixels each of its places is a square of a few, `step` by `step`.
    """

    def __init__(self, size: tuple[int, int], spec: ImageSpec) -> None:
        _, height, width = spec.shape
        across, down = max(size[0], width), max(size[1], height)
        self.step = math.ceil(math.sqrt(across * down / MAP_CELLS))
        tops, lefts = _grid(size, spec)
        self._counts = _counts(tops, height, down, self.step), _counts(lefts, width, across, self.step)
        self._sums = np.zeros([len(counts) for counts in self._counts], np.float32)

    def add(self, maps: npt.NDArray[np.float32], places: list[Place]) -> None:
        """Maps [windows, height, width] of the windows at `places`."""
        for one, (left, top) in zip(maps, places, strict=True):
            row, column = top // self.step, left // self.step
            rows = np.add.reduceat(one, self._firsts(top, one.shape[0]), axis=0)
            part = np.add.reduceat(rows, self._firsts(left, one.shape[1]), axis=1)
            self._sums[row : row + part.shape[0], column : column + part.shape[1]] += part

    def whole(self) -> npt.NDArray[np.float32]:
        """The map, when all windows are in it: [height, width], in places of `step` pixels."""
        rows, columns = self._counts
        return self._sums / rows[:, None] / columns

    def _firsts(self, start: int, length: int) -> npt.NDArray[np.intp]:
        """Which of the pixels from `start` on are the first in their square."""
        return np.unique((start + np.arange(length)) // self.step, return_index=True)[1]


def _counts(starts: list[int], window: int, length: int, step: int) -> npt.NDArray[np.float32]:
    """How many pixels of windows lie in each square along a side."""
    squares = (np.array(starts)[:, None] + np.arange(window)) // step
    return np.bincount(squares.ravel(), minlength=math.ceil(length / step)).astype(np.float32)


def _grid(size: tuple[int, int], spec: ImageSpec) -> tuple[list[int], list[int]]:
    """Where windows of a picture of (width, height) begin: their tops and their lefts."""
    _, height, width = spec.shape
    return _starts(size[1], min(height, size[1])), _starts(size[0], min(width, size[0]))


def _starts(size: int, window: int) -> list[int]:
    """Where windows begin along a side: at both ends, and evenly between."""
    steps = math.ceil((size - window) / (window / 2))
    return [round(step * (size - window) / max(1, steps)) for step in range(steps + 1)]
