"""The evidence and its bounds, nats an image."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .gaussian import Float64


class ELBO(NamedTuple):
    """log p(x) >= iwae >= value (in expectation), all float64 [batch], nats; `dimensions` counts an image's pixels.

    value = log_likelihood - kl is the evidence lower bound (Kingma and Welling 2014, equation 3); iwae the importance-
    weighted bound of the same draws (Burda, Grosse and Salakhutdinov 2016, equation 8).
    """

    log_likelihood: Float64
    kl: Float64
    iwae: Float64
    dimensions: int

    @property
    def value(self) -> Float64:
        """The ELBO, float64 [batch], nats; higher is likelier."""
        return self.log_likelihood - self.kl

    @property
    def bits_per_dim(self) -> Float64:
        """-value in bits a pixel, float64 [batch]; lower is likelier. For densities, of pixels in [0, 1]."""
        return -self.value / (self.dimensions * math.log(2))


def log_mean_exp(log_weights: Float64) -> Float64:
    """log of the mean over the last axis of exp(log_weights), without overflow: [..., draws] -> [...]."""
    largest = log_weights.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # of a model that gives infinities: NaN, and not a line on stderr
        return np.asarray((largest + np.log(np.exp(log_weights - largest).mean(axis=-1, keepdims=True)))[..., 0])
