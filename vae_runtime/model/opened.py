"""An open model: its graphs as functions, and the densities that they make together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..maths.gaussian import log_normal
from ..maths.labels import Labels
from ..maths.posterior import Posterior
from ..maths.prior import Prior
from .contents import Manifest
from .memory import Footprint
from .sessions import Session

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

AT_ONCE = 1024  # latents: what a big call holds beside its results,
NUMBERS_AT_ONCE = 2**20  # as long as they, and their images, have no more numbers


class Model(NamedTuple):
    """What `open_model` gives; its methods are deterministic, and do not check their arguments."""

    manifest: Manifest
    encoder: Session
    decoder: Session
    prior: Prior
    labels: Labels | None  # of the prior, where it has some
    detector: Session | None  # of faults, where the manifest has one
    footprints: Mapping[str, Footprint]  # role -> what its graph costs

    @property
    def at_once(self) -> int:
        """How many latents or images a call works on at once, so that it holds little beside its results."""
        widest = max(math.prod(self.manifest.image.shape), self.manifest.latent_size)
        return min(AT_ONCE, NUMBERS_AT_ONCE // widest) or 1

    def encode(self, images: Float32, *, batch_size: int) -> Posterior:
        """images float32 [batch, channels, height, width] -> q(z|x)."""
        outputs = ("mean", "logvar") if self.manifest.has_posterior else ("mean",)
        return Posterior(*self.encoder.run(images, outputs, batch_size=batch_size))

    def decode(self, z: Float32, *, batch_size: int) -> Float32:
        """z float32 [batch, *latent_shape] -> the mean of p(x|z), [batch, channels, height, width]."""
        return self.decoder.run(z, ("images",), batch_size=batch_size)[0]

    def decode_for_density(self, z: Float32, *, batch_size: int) -> tuple[Float32, ...]:
        """z -> what the likelihood is computed from, each as images."""
        return self.decoder.run(z, self.manifest.likelihood.needs, batch_size=batch_size)

    def decode_all(self, z: Float32, *, batch_size: int) -> dict[str, Float32]:
        """z -> all outputs of the decoder by name, each as images."""
        names = ("images", *self.manifest.likelihood.decoded)
        return dict(zip(names, self.decoder.run(z, names, batch_size=batch_size), strict=True))

    def draw(self, eps: Float32, label: str | int | None, *, seed: int, start: int, batch_size: int) -> Float32:
        """Noise eps [batch, latent_size] of samples start .. of a seed -> their images; label: as of `VAE.sample`."""
        eps = eps.reshape(len(eps), *self.manifest.latent.shape)
        if self.labels:
            eps = self.labels.place(eps, self.labels.draw(len(eps), label, seed=seed, start=start))
        return self.decode(self.prior.from_noise(eps, batch_size=batch_size), batch_size=batch_size)

    def find_faults(self, images: Float32, *, batch_size: int) -> Float32:
        """images -> log-odds of a fault at each place, [batch, height, width]; of models with a detector."""
        assert self.detector
        return self.detector.run(images, ("faults",), batch_size=batch_size)[0]

    def log_ratio(self, z: Float32, posterior: Posterior, *, batch_size: int) -> Float64:
        """log p(z) - log q(z|x), nats: [..., *latent_shape] -> [...]."""
        latent = self.manifest.latent.shape
        sides = z.shape[: -len(latent)]
        log_prior = self.prior.log_prob(z.reshape(math.prod(sides), *latent), batch_size=batch_size)
        flat = (
            each.reshape(*each.shape[: -len(latent)], self.manifest.latent_size)
            for each in (z, posterior.mean, posterior.spread)
        )
        return log_prior.reshape(sides) - log_normal(*flat)
