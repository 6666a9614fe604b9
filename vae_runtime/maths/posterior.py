"""q(z|x): what the encoder says of an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .noise import count_from, normal_rows, standard_normal

Float32 = npt.NDArray[np.float32]

# Draw s of image i is row s * stride + i of a seed: neither the batch nor the count of draws moves it.
DRAW_STRIDE = 2**32


class Posterior(NamedTuple):
    """A diagonal Gaussian for each image: mean and log-variance, float32 [batch, latent_size]."""

    mean: Float32
    logvar: Float32

    def sample(self, seed: int = 0, *, start: int = 0) -> Float32:
        """One draw an image, seeded: float32 [batch, latent_size]. Image i uses row start + i of the seed's noise."""
        batch, size = self.mean.shape
        return reparameterise(self, standard_normal(batch, size, seed=seed, start=start))

    def draws(self, first: int, count: int, *, seed: int, start: int = 0) -> Float32:
        """Draws first .. first + count - 1 of each image, seeded: float32 [batch, count, latent_size].

        Image i is number start + i of a set. Draw s of image i uses row s * 2^32 + i, modulo 2^64.
        """
        batch, size = self.mean.shape
        numbers = count_from(first, count, name="first")[None, :]
        rows = numbers * np.uint64(DRAW_STRIDE) + count_from(start, batch)[:, None]
        eps = normal_rows(rows.reshape(-1), size, seed=seed).reshape(batch, count, size)
        return reparameterise(Posterior(self.mean[:, None], self.logvar[:, None]), eps)


def reparameterise(posterior: Posterior, eps: Float32) -> Float32:
    """z = mean + exp(logvar / 2) * eps, the reparameterisation trick (Kingma and Welling 2014, section 2.4)."""
    z: Float32 = posterior.mean + np.exp(posterior.logvar * np.float32(0.5)) * eps
    return z
