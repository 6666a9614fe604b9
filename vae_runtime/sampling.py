"""Samples of the prior, few at a time: what `VAE.sample` does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .coerce import as_number
from .errors import InputError
from .maths.noise import standard_normal, whole_number
from .model.lacking import require_prior
from .model.opened import Model

Float32 = npt.NDArray[np.float32]


def draw_samples(
    model: Model, n: int, label: str | int | None, *, seed: int, start: int, temperature: float, batch_size: int
) -> Float32:
    """As `VAE.sample`, with its checks."""
    manifest = model.manifest
    require_prior(manifest, "sampling")
    n, start = whole_number(n, "n"), whole_number(start, "start")
    if label is not None and not model.labels:
        raise InputError(f"the model {manifest.name!r} has no labels; sample it without one.")
    if label is not None and model.labels:
        model.labels.number(label)
    temperature = as_number(temperature, "temperature")
    if not 0 <= temperature <= 1000:
        raise InputError(f"temperature is {temperature}; expected a number from 0 to 1000; 1 is the model's own.")
    if n >= 2**31:
        raise InputError(f"n is {n}; expected fewer than 2^31 at once. Draw them in parts, with start=.")
    images = np.empty((n, *manifest.image.shape), np.float32)
    for begin in range(0, n, model.at_once):
        count, first = min(model.at_once, n - begin), (start + begin) % 2**64
        eps = standard_normal(count, manifest.latent_size, seed=seed, start=first)
        if temperature != 1:
            eps *= np.float32(temperature)
        images[begin : begin + count] = model.draw(eps, label, seed=seed, start=first, batch_size=batch_size)
    return images
