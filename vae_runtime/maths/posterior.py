"""q(z|x): what the encoder says of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .noise import count_from, normal_rows, standard_normal

Float32 = npt.NDArray[np.float32]

# Draw s of image i is row s * stride + i of a seed: neither the batch nor the count of draws moves it.
DRAW_STRIDE = 2**32


class Posterior(NamedTuple):
    """A diagonal Gaussian for each image: mean and log-variance, each float32 [batch, *latent_shape].

    Of a deterministic autoencoder `logvar` is None: its latent is `mean`, and there is nothing to draw.
    """

    mean: Float32
    logvar: Float32 | None = None

    def sample(self, seed: int = 0, *, start: int = 0) -> Float32:
        """One draw an image, seeded: float32 [batch, *latent_shape]. Image i uses row start + i of the seed's noise.

        An InputError of a deterministic autoencoder, as for `draws`.
        """
        batch, *shape = self.mean.shape
        eps = standard_normal(batch, math.prod(shape), seed=seed, start=start)
        return reparameterise(self, eps.reshape(self.mean.shape))

    def draws(self, first: int, count: int, *, seed: int, start: int = 0) -> Float32:
        """Draws first .. first + count - 1 of each image, seeded: float32 [batch, count, *latent_shape].

        Image i is number start + i of a set. Draw s of image i uses row s * 2^32 + i, modulo 2^64.
        """
        batch, *shape = self.mean.shape
        numbers = count_from(first, count, name="first")[None, :]
        rows = numbers * np.uint64(DRAW_STRIDE) + count_from(start, batch)[:, None]
        eps = normal_rows(rows.reshape(-1), math.prod(shape), seed=seed).reshape(batch, count, *shape)
        return reparameterise(self.by_draw, eps)

    @property
    def by_draw(self) -> Posterior:
        """The same with a side of 1 for draws after the batch."""
        return Posterior(self.mean[:, None], None if self.logvar is None else self.logvar[:, None])

    @property
    def there(self) -> dict[str, Float32]:
        """`mean` and, where there is one, `logvar`, by name."""
        return {name: part for name, part in self._asdict().items() if part is not None}

    @property
    def each(self) -> list[Posterior]:
        """One for each image, without the side of the batch."""
        return [
            Posterior(**dict(zip(self.there, parts, strict=True))) for parts in zip(*self.there.values(), strict=True)
        ]

    @property
    def spread(self) -> Float32:
        """`logvar`; an InputError where there is none."""
        if self.logvar is None:
            raise InputError("there is no posterior to draw from: this encoder is deterministic; take its mean.")
        return self.logvar


def reparameterise(posterior: Posterior, eps: Float32) -> Float32:
    """z = mean + exp(logvar / 2) * eps, the reparameterisation trick (Kingma and Welling 2014, section 2.4)."""
    z: Float32 = posterior.mean + np.exp(posterior.spread * np.float32(0.5)) * eps
    return z


def together(posteriors: Sequence[Posterior]) -> Posterior:
    """Posteriors of several batches as one."""
    parts = [posterior.there for posterior in posteriors]
    return Posterior(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
