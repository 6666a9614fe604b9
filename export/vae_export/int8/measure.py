"""What 8-bit graphs lose, by image: nats of the ELBO, or, of models that have none, RMSE of reconstructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_runtime import VAE
from vae_runtime.model.manifest import Manifest

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class Measure(NamedTuple):
    """said: what a model says of images, to compare; lost: of what float32 and int8 say, the loss of each image."""

    unit: str
    figure: str  # its name in a manifest's `training`, after `int8_`
    said: Callable[[VAE, Float32], npt.NDArray[Any]]
    lost: Callable[[npt.NDArray[Any], npt.NDArray[Any]], Float64]


def _elbo(vae: VAE, images: Float32) -> Float64:
    """Deterministic: the noise is the same for both precisions."""
    return vae.elbo(images).value


def _reconstructions(vae: VAE, images: Float32) -> Float32:
    return vae.reconstruct(images)


def _difference(float32: Float64, int8: Float64) -> Float64:
    return float32 - int8


def _rmse(float32: Float32, int8: Float32) -> Float64:
    squares = (float32.astype(np.float64) - int8) ** 2
    return np.asarray(np.sqrt(squares.mean(axis=(1, 2, 3))))


NATS = Measure("nats", "elbo_loss_nats", _elbo, _difference)
RMSE = Measure("RMSE", "reconstruction_rmse", _reconstructions, _rmse)  # from float32's, white is 1


def measure_of(manifest: Manifest) -> Measure:
    """Nats where the model has an ELBO."""
    return NATS if manifest.has_elbo else RMSE
