"""Images that a model makes of nothing but noise: what a device is timed and compared with, whatever the model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..maths.noise import standard_normal
from ..vae import VAE


def made_images(vae: VAE, n: int, *, batch_size: int = 64) -> npt.NDArray[np.float32]:
    """Samples of seed 0, or where there is no prior what standard normal noise decodes to, deterministic."""
    if vae.manifest.has_prior:
        return vae.sample(n, batch_size=batch_size)
    z = standard_normal(n, vae.latent_size, seed=0).reshape(n, *vae.latent_shape)
    return vae.decode(z, batch_size=batch_size)


def likely_images(vae: VAE, n: int) -> npt.NDArray[np.float32]:
    """The same as images that the model takes: in [0, 1], which a mean image may leave."""
    return np.clip(made_images(vae, n), 0, 1)
