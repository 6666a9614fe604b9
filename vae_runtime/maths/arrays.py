"""What arrays a model takes: each check says what came, what was expected and what to do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError

Float32 = npt.NDArray[np.float32]


def check_images(images: Any, shape: tuple[int, int, int]) -> Float32:
    """Check images: float [batch, channels, height, width] in [0, 1]; returned as contiguous float32."""
    array = _floats(images, "images", f"float32 {_batch_of(shape)} in [0, 1]", "Use from_uint8() or read_images().")
    if array.ndim != 4 or array.shape[1:] != shape:
        hint = ""
        if array.shape == shape:
            hint = " For one image, pass images[None]."
        elif array.ndim == 4 and array.shape[1:] == (*shape[1:], shape[0]):
            hint = " This looks like [batch, height, width, channels]: use images.transpose(0, 3, 1, 2)."
        raise InputError(f"images are {array.dtype} {list(array.shape)}; expected {_batch_of(shape)}.{hint}")
    array = _float32(array)
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        _require_finite(array, "images")
        low, high = float(array.min()), float(array.max())
        raise InputError(f"images reach from {low:g} to {high:g}; expected [0, 1]. {_scale(low, high)}")
    return array


def _scale(low: float, high: float) -> str:
    """What images of such a range usually are, and what brings them to [0, 1]."""
    if low >= -0.1 and high <= 1.1:
        return "If that is what resizing or adding noise left, use np.clip(images, 0, 1)."
    if low >= -1 and high <= 1:
        return "These look like [-1, 1]: use (images + 1) / 2."
    if low >= 0 and high <= 255:
        return "These look like bytes: use images / 255, or from_uint8() of uint8."
    if -10 < low < 0 and high < 10:
        return "These look normalised by a mean and a deviation: use images * deviation + mean, with those two."
    return "Bring them to [0, 1] by the range that they were made in."


def check_image(image: Any, shape: tuple[int, int, int], name: str) -> Float32:
    """Check one image, [channels, height, width] or a batch of one; returned as a batch of one."""
    array = as_array(image, name)
    if array.ndim == 4 and len(array) != 1:
        raise InputError(f"{name} holds {len(array)} images; expected one, {list(shape)}.")
    return check_images(array if array.ndim == 4 else array[None], shape)


def check_latents(z: Any, shape: tuple[int, ...]) -> Float32:
    """Check latents: float [batch, *shape], finite; returned as contiguous float32."""
    array = _floats(z, "z", f"float32 {_batch_of(shape)}", "Use .astype('float32').")
    if array.shape[1:] != shape or not array.ndim:
        hint = ""
        if array.shape == shape:
            hint = " For one latent, pass z[None]."
        elif array.ndim == 2 and array.shape[1] == math.prod(shape):
            hint = f" These look like flat rows of latents: use z.reshape(-1, {', '.join(map(str, shape))})."
        elif array.ndim == 4 and len(shape) == 3 and array.shape[1] == shape[0]:
            hint = " These look like latents of a larger picture: use decode_tiled(), or vae decode --tile."
        raise InputError(f"z is {array.dtype} {list(array.shape)}; expected {_batch_of(shape)}.{hint}")
    array = _float32(array)
    _require_finite(array, "z")
    return array


def _floats(value: Any, name: str, expected: str, hint: str) -> npt.NDArray[Any]:
    array = as_array(value, name)
    if array.dtype.kind != "f":
        raise InputError(f"{name}: {array.dtype} {list(array.shape)} came; expected {expected}. {hint}")
    return array


def _float32(array: npt.NDArray[Any]) -> Float32:
    if array.dtype == np.float32:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinity, and is refused
        return np.ascontiguousarray(array, dtype=np.float32)


def _require_finite(array: Float32, name: str) -> None:
    finite = np.isfinite(array)
    if np.count_nonzero(finite) != array.size:  # in half the time of finite.all(), for few numbers
        place = np.argwhere(~finite)[0]
        raise InputError(f"{name} hold {array[tuple(place)]} at {place.tolist()}; expected finite float32 numbers.")


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"[batch, {', '.join(map(str, shape))}]"
