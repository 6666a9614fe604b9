"""How a model's window lies on a large picture and on its latents: only models whose latents have a place have one."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..coerce import as_number
from ..errors import InputError
from .side import Side

MOST_OVERLAP = 0.9
Shape = tuple[int, ...]


class Frame(NamedTuple):
    """A window in cells of the latents, the pixels of one cell, and the cells that windows overlap: (rows, columns)."""

    window: tuple[int, int]
    cell: tuple[int, int]
    overlap: tuple[int, int]

    @classmethod
    def of(cls, image_shape: Shape, latent_shape: Shape, overlap: float) -> Frame:
        """The frame of a model; an InputError where its latents are no map of its images, or overlap is no share."""
        share = as_number(overlap, "overlap")
        if not 0 <= share <= MOST_OVERLAP:
            raise InputError(f"overlap is {share:g}; expected a share of the window, from 0 to {MOST_OVERLAP}.")
        why = _obstacle(image_shape, latent_shape)
        if why:
            raise InputError(
                f"the model's latents are {list(latent_shape)}{why}; tiles need a model whose latents are a map "
                "[channels, rows, columns] of its images. Without tiles, pictures are scaled to the model's size."
            )
        window = latent_shape[1], latent_shape[2]
        cell = image_shape[1] // window[0], image_shape[2] // window[1]
        rows, columns = (min(side - 1, math.ceil(share * side - 1e-9)) for side in window)
        return cls(window, cell, (rows, columns))

    def cells(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the latents of a picture of (width, height): a window, or more where it is larger."""
        rows, columns = (
            max(window, math.ceil(pixels / cell))
            for pixels, cell, window in zip(reversed(size), self.cell, self.window, strict=True)
        )
        return rows, columns

    def pixels(self, cells: tuple[int, ...]) -> tuple[int, int]:
        """(Width, height) of all that latents of so many rows and columns show."""
        return cells[1] * self.cell[1], cells[0] * self.cell[0]

    def holds(self, cells: tuple[int, ...]) -> bool:
        """Whether latents of so many rows and columns hold a window."""
        return cells[0] >= self.window[0] and cells[1] >= self.window[1]

    def sides(self, cells: tuple[int, int]) -> tuple[Side, Side]:
        """The windows down and across latents of so many rows and columns, in cells."""
        down, across = map(Side.cover, cells, self.window, self.overlap)
        return down, across


def _obstacle(image_shape: Shape, latent_shape: Shape) -> str:
    """What keeps latents from being a map of the images; nothing for a model that can be tiled."""
    if len(latent_shape) != 3:
        return ", which say nothing of places"
    if min(latent_shape[1:]) < 2:
        return ", one place along a side"
    if any(pixels % cells for pixels, cells in zip(image_shape[1:], latent_shape[1:], strict=True)):
        return f", whose cells are no whole pixels of its images {list(image_shape)}"
    return ""
