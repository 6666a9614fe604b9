"""Labels: one Gaussian of the prior's noise for each, so that a flow, or a normal, can be drawn from by class.

Izmailov, Kirichenko, Finzi and Wilson 2020, "Semi-supervised learning with normalizing flows": p(noise | label) is a
diagonal Gaussian, p(noise) their equal mixture. The prior's map from noise to latents knows nothing of labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .bounds import log_mean_exp
from .gaussian import in_rows, log_normal, log_standard_normal
from .noise import uniform_choice
from .prior import Prior

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class Labels(NamedTuple):
    """Names, and the mean and log-variance of each name's Gaussian, float32 [labels, *latent_shape]."""

    names: tuple[str, ...]
    mean: Float32
    logvar: Float32

    def number(self, name: str | int) -> int:
        """Which label a name is; 7 is the name "7"."""
        if str(name) not in self.names:
            raise InputError(f"label is {name!r}; expected one of {', '.join(self.names)}.")
        return self.names.index(str(name))

    def draw(self, n: int, name: str | int | None, *, seed: int, start: int) -> npt.NDArray[np.int64]:
        """Which labels samples start .. start + n - 1 of a seed have: the named one, or any, seeded: int64 [n]."""
        if name is not None:
            return np.full(n, self.number(name))
        return uniform_choice(n, len(self.names), seed=seed, start=start)

    def place(self, eps: Float32, which: npt.NDArray[np.int64]) -> Float32:
        """Move standard normal noise into the Gaussians of these labels: float32 [batch, *latent_shape]."""
        placed: Float32 = self.mean[which] + np.exp(self.logvar[which] * np.float32(0.5)) * eps
        return placed

    def log_prob(self, eps: Float32) -> Float64:
        """log of the mixture's density, nats: [batch, *latent_shape] -> float64 [batch]."""
        return log_mean_exp(self._log_probs(eps))

    def probabilities(self, eps: Float32) -> Float64:
        """p(label | noise): [batch, *latent_shape] -> float64 [batch, labels], rows that sum to 1."""
        log_probs = self._log_probs(eps)
        weights = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def _log_probs(self, eps: Float32) -> Float64:
        spreads = zip(in_rows(self.mean), in_rows(self.logvar), strict=True)
        return np.stack([log_normal(in_rows(eps), mean, logvar) for mean, logvar in spreads], 1)


class LabelledPrior:
    """A prior whose noise is the mixture of its labels in the place of N(0, I)."""

    def __init__(self, prior: Prior, labels: Labels) -> None:
        self._prior, self.labels = prior, labels
        self.from_noise, self.to_noise = prior.from_noise, prior.to_noise

    def log_prob(self, z: Float32, *, batch_size: int) -> Float64:
        """log p(z), nats, of all labels equally likely: float32 [batch, *latent_shape] -> float64 [batch]."""
        return self.noise_and_log_prob(z, batch_size=batch_size)[1]

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """Both at once: the map from noise changes volumes as before, and the density of noise is the mixture's."""
        eps, log_prob = self._prior.noise_and_log_prob(z, batch_size=batch_size)
        return eps, np.asarray(log_prob - log_standard_normal(in_rows(eps)) + self.labels.log_prob(eps))

    def exact_kl(self, posterior: object) -> None:
        """A mixture has no closed form."""
        return None
