"""The two ways between a picture of any size and its latents, as functions of a model's own two."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .blending import blend
from .frame import Frame
from .source import Readable

Float32 = npt.NDArray[np.float32]
Code = Callable[[Float32], Float32]  # [batch, channels, height, width] of windows, to the same of latents, or back

PART_PIXELS = 2**18  # of the windows that are computed on at one time


def encoded(encode: Code, picture: Readable, frame: Frame) -> Iterator[Float32]:
    """Strips of the latents of a picture: [channels of `encode`, rows, columns]."""
    down, across = frame.sides(frame.cells(picture.size))
    (cell_down, cell_across), (rows, columns) = frame.cell, frame.window
    windows = (
        picture.window(left * cell_across, top * cell_down, columns * cell_across, rows * cell_down)
        for top, left in itertools.product(down.starts, across.starts)
    )
    return blend(_coded(encode, windows, frame), down, across)


def decoded(decode: Code, z: Float32, frame: Frame) -> Iterator[Float32]:
    """Strips of the picture of latents [channels, rows, columns]: [channels, height, width]."""
    down, across = frame.sides((z.shape[1], z.shape[2]))
    windows = (
        z[:, top : top + down.window, left : left + across.window]
        for top, left in itertools.product(down.starts, across.starts)
    )
    return blend(_coded(decode, windows, frame), down.times(frame.cell[0]), across.times(frame.cell[1]))


def _coded(code: Code, windows: Iterable[Float32], frame: Frame) -> Iterator[Float32]:
    """Each window's result, computed some at a time."""
    windows, at_once = iter(windows), max(1, PART_PIXELS // math.prod((*frame.window, *frame.cell)))
    while some := list(itertools.islice(windows, at_once)):
        yield from code(np.stack(some))
