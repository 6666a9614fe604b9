"""Many images as one: a grid with a thin gap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError


def image_grid(
    images: npt.NDArray[Any], *, columns: int | None = None, gap: int = 2, background: float = 0.0
) -> npt.NDArray[np.float32]:
    """Lay images out row by row, deterministic.

    images: float [batch, channels, height, width]. Returns float32 [channels, rows * (height + gap) + gap, columns *
    (width + gap) + gap]; cells that no image fills, and the gaps, are `background`. Without `columns` the grid is as
    square as it can be.
    """
    images = as_array(images, "images")
    if images.ndim != 4 or images.dtype.kind != "f":
        raise InputError(
            f"images are {images.dtype} {list(images.shape)}; expected float [batch, channels, height, width]."
        )
    if columns is not None and columns < 1:
        raise InputError(f"columns is {columns}; expected 1 or more.")
    if gap < 0:
        raise InputError(f"gap is {gap}; expected 0 or more.")
    batch, channels, height, width = images.shape
    columns = columns or max(1, math.ceil(math.sqrt(batch)))
    rows = max(1, math.ceil(batch / columns))
    shape = (channels, rows * (height + gap) + gap, columns * (width + gap) + gap)
    grid = np.full(shape, background, dtype=np.float32)
    for index, image in enumerate(images):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        grid[:, top : top + height, left : left + width] = image
    return grid
