"""Pictures that go with a model, as arrays or as a folder."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vae_runtime import from_uint8
from vae_runtime.errors import InputError
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import open_picture
from vae_runtime.pictures.walking import pictures_in
from vae_runtime.spec import ImageSpec

MOST = 4096  # pictures of a folder that are taken as examples

Float32 = npt.NDArray[np.float32]


def as_images(given: Any, spec: ImageSpec, name: str) -> Float32:
    """float32 [n, *spec.shape] in [0, 1], n at least 1, of an array or a folder; an InputError says what else came."""
    if isinstance(given, (str, os.PathLike)):
        return _of_folder(Path(given), spec)
    array = np.asarray(given)
    if array.dtype != np.float32 or array.shape[1:] != spec.shape or not len(array):
        raise InputError(
            f"{name} is {array.dtype} {list(array.shape)}; expected float32 [n, {', '.join(map(str, spec.shape))}], n "
            "at least 1. From pixels of 0 to 255: vae_runtime.from_uint8()."
        )
    if not (array.min() >= 0 and array.max() <= 1):  # not true of NaN
        raise InputError(
            f"{name} has values from {array.min():.3g} to {array.max():.3g}; expected [0, 1] always: value_range is of "
            "what the encoder is given, and the export maps it."
        )
    return np.ascontiguousarray(array)


def _of_folder(folder: Path, spec: ImageSpec) -> Float32:
    paths = pictures_in(folder)
    if not paths:
        raise InputError(f"{folder} has no pictures.")
    fitted = []
    for path in islice(paths, MOST):
        with open_picture(path) as picture:
            fitted.append(fit_picture(picture, spec))
    return from_uint8(np.stack(fitted))
