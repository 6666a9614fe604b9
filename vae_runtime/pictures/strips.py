"""A large picture a few rows at a time, so that what is made of it never lies in memory whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from PIL import Image

STRIP_PIXELS = 2**16


class Croppable(Protocol):
    """What can be read in parts: a Pillow image, or a picture that is converted where it is looked at."""

    @property
    def mode(self) -> str:
        """The mode of its parts."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """The part in [left, top, right, bottom]."""


def strips(picture: Croppable) -> Iterator[tuple[int, Image.Image]]:
    """All rows from the top down, in parts: the first row's number, and the part."""
    width, height = picture.size
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(height, top + rows)))
