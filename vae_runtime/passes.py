"""One pass of images through a model's graphs, from which every score and map comes: one encode and decode for all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from .maths.complexity import code_length
from .maths.posterior import Posterior
from .maths.smoothing import window_means

if TYPE_CHECKING:
    from .vae import VAE

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BATCH_SIZE = 64
MAP_WINDOW = 5  # pixels, of maps of the reconstruction; those of faults are smooth as they are


class Scored(NamedTuple):
    """Scores by method, float64 [batch], nats; and maps float32 [batch, height, width], None where none were asked."""

    scores: dict[str, Float64]
    maps: Float32 | None


class Pass:
    """What the graphs say of some images, each part computed when it is first asked for, and once."""

    def __init__(self, vae: VAE, images: Float32) -> None:
        self._vae, self._images = vae, images

    def score(self, method: str) -> Float64:
        """As `VAE.score`: float64 [batch], nats."""
        if method == "faults":
            return np.asarray(self._faults.max(axis=(1, 2)), np.float64)
        score = np.zeros(len(self._images))
        if method != "kl":
            score -= self._log_likelihood
        if method != "reconstruction":
            score -= self._log_ratio
        if method == "complexity":
            score -= code_length(self._images)
        return score

    def map(self, method: str) -> Float32:
        """As `VAE.anomaly_map`: float32 [batch, height, width], nats a pixel."""
        if method == "faults":
            return self._faults
        nats = -self._vae.manifest.likelihood.log_prob_map(self._images, *self._decoded)
        return window_means(nats, MAP_WINDOW)

    @cached_property
    def _posterior(self) -> Posterior:
        return self._vae.encode(self._images, batch_size=BATCH_SIZE)

    @cached_property
    def _decoded(self) -> tuple[Float32, ...]:
        return self._vae._decode_whole(self._posterior.mean, BATCH_SIZE)

    @cached_property
    def _log_likelihood(self) -> Float64:
        return self._vae.manifest.likelihood.log_prob(self._images, *self._decoded)

    @cached_property
    def _log_ratio(self) -> Float64:
        return self._vae._log_ratio(self._posterior.mean, self._posterior, BATCH_SIZE)

    @cached_property
    def _faults(self) -> Float32:
        return self._vae._faults(self._images, BATCH_SIZE)


def score_all(vae: VAE, images: Float32, methods: Iterable[str], *, map_of: str | None = None) -> Scored:
    """Score images by several methods at once, deterministic, with maps of one: as `VAE.score` and `anomaly_map`."""
    whole = Pass(vae, images)
    return Scored({method: whole.score(method) for method in methods}, whole.map(map_of) if map_of else None)
