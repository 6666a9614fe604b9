"""One pass of images through a model's graphs, from which every score and map comes: one encode and decode for all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from .maths.posterior import Posterior
from .maths.smoothing import window_means
from .model.opened import Model
from .model.scores import SCORES

if TYPE_CHECKING:
    from .vae import VAE

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BATCH_SIZE = 64


class Pass:
    """What a model says of some images at z = their posterior mean, each part computed once, when it is asked for.

    Deterministic. What it has is what a score of `model/scores.py` may be computed from (`Said` there).
    """

    def __init__(self, model: Model, images: Float32, *, batch_size: int = BATCH_SIZE) -> None:
        self._model, self.images, self._batch_size = model, images, batch_size

    def score(self, method: str) -> Float64:
        """As `VAE.score`: float64 [batch], nats."""
        return SCORES[method].compute(self)

    def map(self, method: str, window: int | None = None) -> Float32:
        """As `VAE.anomaly_map`: float32 [batch, height, width], nats a pixel."""
        of_score = SCORES[method].map
        assert of_score
        window = window or of_score.window
        strangeness = of_score.compute(self)
        return strangeness if window == 1 else window_means(strangeness, window)

    @cached_property
    def posterior(self) -> Posterior:
        """q(z|x)."""
        return self._model.encode(self.images, batch_size=self._batch_size)

    @property
    def mean_image(self) -> Float32:
        """The mean of p(x|z): float32, as the images."""
        return self._decoded["images"]

    @cached_property
    def log_likelihood(self) -> Float64:
        """log p(x|z), nats: float64 [batch]."""
        return self._model.manifest.likelihood.log_prob(self.images, *self._of_density)

    @cached_property
    def log_likelihood_map(self) -> Float32:
        """The same by pixels: float32 [batch, height, width]."""
        return self._model.manifest.likelihood.log_prob_map(self.images, *self._of_density)

    @cached_property
    def log_ratio(self) -> Float64:
        """log p(z) - log q(z|x), nats: float64 [batch]."""
        return self._model.log_ratio(self.posterior.mean, self.posterior, batch_size=self._batch_size)

    @cached_property
    def faults(self) -> Float32:
        """Log-odds of a fault by pixels: float32 [batch, height, width]."""
        return self._model.find_faults(self.images, batch_size=self._batch_size)

    @property
    def _of_density(self) -> tuple[Float32, ...]:
        return tuple(self._decoded[name] for name in self._model.manifest.likelihood.needs)

    @cached_property
    def _decoded(self) -> dict[str, Float32]:
        return self._model.decode_all(self.posterior.mean, batch_size=self._batch_size)


class Scored(NamedTuple):
    """Scores by method, float64 [batch], nats; and maps float32 [batch, height, width], None where none were asked."""

    scores: dict[str, Float64]
    maps: Float32 | None


def score_all(vae: VAE, images: Float32, methods: Iterable[str], *, map_of: str | None = None) -> Scored:
    """Score images by several methods at once, deterministic, with maps of one: as `VAE.score` and `anomaly_map`."""
    whole = Pass(vae._model, images)
    return Scored({method: whole.score(method) for method in methods}, whole.map(map_of) if map_of else None)
