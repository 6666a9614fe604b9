"""The way between two images: what `VAE.interpolate` does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .maths.arrays import check_image
from .maths.noise import whole_number
from .maths.paths import linear, spherical
from .model.lacking import require_prior
from .model.opened import Model

Float32 = npt.NDArray[np.float32]


def decode_between(model: Model, start: npt.ArrayLike, end: npt.ArrayLike, *, steps: int, path: str) -> Float32:
    """As `VAE.interpolate`, with its checks."""
    if path not in ("linear", "spherical"):
        raise InputError(f"path is {path!r}; expected 'linear' or 'spherical'.")
    if path == "spherical":
        require_prior(model.manifest, "spherical interpolation")
    if whole_number(steps, "steps", below=2**31) < 2:
        raise InputError(f"steps is {steps}; expected 2 or more, for both ends are among them.")
    shape = model.manifest.image.shape
    ends = [check_image(image, shape, name) for image, name in ((start, "start"), (end, "end"))]
    mean = model.encode(np.concatenate(ends), batch_size=2).mean
    if path == "linear":
        return model.decode(linear(mean[0], mean[1], steps), batch_size=64)
    noise = model.prior.to_noise(mean, batch_size=2)
    arc = spherical(noise[0], noise[1], steps)
    return model.decode(model.prior.from_noise(arc, batch_size=64), batch_size=64)
