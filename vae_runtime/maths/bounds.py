"""The evidence and its bounds, nats an image."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import numpy as np

from .gaussian import Float64
from .likelihood import LIKELIHOODS, PIXEL_STEPS

Nats = TypeVar("Nats", float, Float64)


class ELBO(NamedTuple):
    """log p(x) >= iwae >= value (in expectation), all float64 [batch], nats.

    dimensions: numbers of an image, channels * height * width; family: of the likelihood, "bernoulli" or "gaussian".

    value = log_likelihood - kl is the evidence lower bound (Kingma and Welling 2014, equation 3); iwae the importance-
    weighted bound of the same draws (Burda, Grosse and Salakhutdinov 2016, equation 8).
    """

    log_likelihood: Float64
    kl: Float64
    iwae: Float64
    dimensions: int
    family: str

    @property
    def value(self) -> Float64:
        """The ELBO, float64 [batch], nats; higher is likelier."""
        return self.log_likelihood - self.kl

    @property
    def bits_per_dim(self) -> Float64:
        """-value in bits a dimension (`bits_per_dim`), float64 [batch]; lower is likelier."""
        return bits_per_dim(-self.value, self.dimensions, family=self.family)


def bits_per_dim(nats: Nats, dimensions: int, *, family: str) -> Nats:
    """Bits a dimension of an 8-bit image whose negative log-likelihood, or a bound on it, is `nats`.

    A density of pixels in [0, 1] is one of bytes times 255, so a Gaussian's bits are those of bytes, which raw take 8.
    A Bernoulli's are of binary pixels; of grey ones they are a cross-entropy, and no code has them.
    """
    return nats / (dimensions * math.log(2)) + (0.0 if LIKELIHOODS[family].binary else math.log2(PIXEL_STEPS))


def log_mean_exp(log_weights: Float64) -> Float64:
    """log of the mean over the last axis of exp(log_weights), without overflow: [..., draws] -> [...]."""
    largest = log_weights.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # of a model that gives infinities: NaN, and not a line on stderr
        return np.asarray((largest + np.log(np.exp(log_weights - largest).mean(axis=-1, keepdims=True)))[..., 0])
