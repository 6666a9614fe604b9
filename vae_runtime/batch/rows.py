"""One row of a table to one image of a model: what a row may be, and one rule for each.

| row | rule |
|---|---|
| bytes, or {"bytes": …} | an encoded picture, read and fitted as files are (`pictures/reading.py`) |
| text, or a pathlib.Path | the path of a picture file, read where the stage runs |
| a Pillow image | read and fitted as files are |
| whole numbers 0 .. 255 | a decoded picture of any size, fitted as files are: colour mode, inversion, size |
| floats in [0, 1] | the model's own input, as `VAE.encode` takes: of its shape, never inverted, never resized |
| None, NaN, anything else | an InputError |

An array is [height, width], [height, width, channels], [channels, height, width], or flat and of the model's size. The
channels' axis holds 1 or 3, and floats are of the model's shape. Layout "auto" takes the one reading that this allows,
and refuses an array that allows two, such as bytes [3, 28, 3] or a flat row of colours: then say "chw" or "hwc".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..coerce import as_array
from ..errors import InputError
from ..maths.arrays import check_image
from ..pictures.fitting import fit_picture
from ..pictures.pixels import from_uint8
from ..pictures.reading import read_fitted
from ..spec import MODES, ImageSpec

LAYOUTS = ("auto", "chw", "hwc")


def read_row(row: Any, spec: ImageSpec, layout: str = "auto") -> npt.NDArray[np.float32]:
    """Make a row the model's input, deterministic: float32 [channels, height, width] in [0, 1]."""
    if isinstance(row, Mapping):
        row = row.get("bytes")
    if row is None or (isinstance(row, float) and math.isnan(row)):
        raise InputError("the row has no image.")
    if isinstance(row, (bytearray, memoryview)):
        row = bytes(row)
    if isinstance(row, (bytes, str, os.PathLike, Image.Image)):
        return from_uint8(read_fitted(row, spec, unnamed="the image"))
    array = _channels_first(_dense(row), spec.shape, layout)
    if array.dtype.kind in "iu":
        return from_uint8(fit_picture(_picture(array), spec))
    image: npt.NDArray[np.float32] = check_image(array, spec.shape, "the image")[0]
    return image


def _dense(row: Any) -> npt.NDArray[Any]:
    """Lists of lists and arrays of arrays, as tables store tensors, as one array."""
    if isinstance(row, np.ndarray) and row.dtype == object:
        row = [part.tolist() if isinstance(part, np.ndarray) else part for part in row] if row.ndim else row.item()
    array = as_array(row, "the image")
    if array.dtype.kind not in "iuf":
        raise InputError(f"the image is {array.dtype}; expected bytes, a path, whole numbers 0 .. 255, or floats.")
    return array


def _channels_first(array: npt.NDArray[Any], shape: tuple[int, int, int], layout: str) -> npt.NDArray[Any]:
    channels, height, width = shape
    if array.ndim == 1 and array.size == math.prod(shape):
        if layout == "auto" and channels > 1:
            raise InputError("the image is flat and in colour; say how it lies: layout='chw' or 'hwc'.")
        array = array.reshape((height, width, channels) if layout == "hwc" else shape)
    elif array.ndim == 2:
        return array[None]
    if array.ndim != 3:
        raise InputError(f"the image is {array.dtype} {list(array.shape)}; expected two or three axes.")
    allowed = MODES.values()
    first, last = layout != "hwc" and array.shape[0] in allowed, layout != "chw" and array.shape[2] in allowed
    if first and last and array.dtype.kind == "f":  # floats are of the model's shape, or refused for theirs
        first, last = array.shape == shape, array.shape != shape or array.shape == (height, width, channels)
    if first and last:
        raise InputError(f"the image is {list(array.shape)}, which can be read two ways; give layout='chw' or 'hwc'.")
    if not first and not last:
        raise InputError(f"the image is {list(array.shape)}; expected an axis of 1 or 3 channels, first or last.")
    return array if first else array.transpose(2, 0, 1)


def _picture(array: npt.NDArray[Any]) -> Image.Image:
    """Whole numbers [channels, height, width] as a Pillow image; engines without uint8 bring wider ones."""
    if not array.size:
        raise InputError(f"the image is {list(array.shape)}; it has no pixels.")
    if array.dtype != np.uint8:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 255:
            raise InputError(f"the image holds whole numbers from {low} to {high}; expected 0 .. 255.")
    pixels = array.astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
