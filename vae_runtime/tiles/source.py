"""A large picture read a window at a time: a file, a stream, a Pillow image, or an array of any size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError
from ..maths.arrays import check_images
from ..pictures.decoded import Picture
from ..pictures.fitting import fit_picture
from ..pictures.pixels import from_uint8
from ..pictures.reading import open_picture
from ..pictures.sources import Source, is_pixels
from ..pictures.strips import Croppable
from ..spec import ImageSpec

Float32 = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]  # left, top, right, bottom


class Readable(NamedTuple):
    """What windows are read from: its (width, height), and a box that lies inside as [channels, height, width]."""

    size: tuple[int, int]
    read: Callable[[Box], Float32]

    def window(self, left: int, top: int, width: int, height: int) -> Float32:
        """One window; beyond the picture's right and lower edge its last column and row go on."""
        across, down = self.size
        inside = min(left, across - 1), min(top, down - 1), min(left + width, across), min(top + height, down)
        part = self.read(inside)
        beyond = (0, 0), (0, height - part.shape[1]), (0, width - part.shape[2])
        return np.pad(part, beyond, mode="edge")


@contextlib.contextmanager
def readable(picture: Source | Picture | npt.NDArray[Any], spec: ImageSpec) -> Iterator[Readable]:
    """Open what came: as of `read_images`, or float [channels, height, width] in [0, 1], also as a batch of one."""
    if is_pixels(picture):
        yield _of_array(as_array(picture, "the image"), spec)
    elif isinstance(picture, Picture):  # one that is open already stays so
        yield _of_picture(picture, spec)
    else:
        with open_picture(picture) as opened:  # type: ignore[arg-type]  # is_pixels has told
            yield _of_picture(opened, spec)


def _of_picture(picture: Croppable, spec: ImageSpec) -> Readable:
    """In the spec's colours, inverted where it says so, and at its own resolution."""

    def read(box: Box) -> Float32:
        part = picture.crop(box)
        return from_uint8(fit_picture(part, replace(spec, shape=(spec.shape[0], part.height, part.width))))

    return Readable(picture.size, read)


def _of_array(image: npt.NDArray[Any], spec: ImageSpec) -> Readable:
    image = image[0] if image.ndim == 4 and len(image) == 1 else image
    if image.ndim != 3 or not image.size:
        raise InputError(f"the image is {list(image.shape)}; expected one, [{spec.shape[0]}, height, width].")
    checked = check_images(image[None], (spec.shape[0], *image.shape[1:]))[0]
    _, height, width = checked.shape
    return Readable((width, height), lambda box: checked[:, box[1] : box[3], box[0] : box[2]])
