"""Images made few at a time, however many are asked for, with how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..progress import watched
from .outputs import Output

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]
    Shape = tuple[int, int, int]

AT_ONCE = 64  # images in memory, and between two texts of the progress line


def made(images: Callable[[int, int], Float32], count: int, label: str) -> Iterator[Float32]:
    """Images one by one of `images(first, n)`, asked for few at a time."""
    starts = range(0, count, AT_ONCE)
    return watched((image for first in starts for image in images(first, min(AT_ONCE, count - first))), count, label)


def together(images: Iterator[Float32], count: int, shape: Shape) -> Float32:
    """All of them as one array, for what is one picture in the end."""
    import numpy as np

    whole = np.empty((count, *shape), np.float32)
    for index, image in enumerate(images):
        whole[index] = image
    return whole


def write_pictures(
    output: Output,
    images: Iterator[Float32],
    count: int,
    shape: Shape,
    *,
    before: Float32 | None = None,
    text: Mapping[str, str] | None = None,
) -> None:
    """One file each where -o asks for many; else a grid, after the images `before`, with `text` in it."""
    import numpy as np

    if output.is_many:
        output.write_each(images)
        return
    grid = together(images, count, shape)
    output.write_grid(grid if before is None else np.concatenate([before, grid]), text=text)
