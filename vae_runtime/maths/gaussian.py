"""Diagonal Gaussians in float64 nats: densities, and the divergence of the posterior from the prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def log_normal(z: npt.NDArray[Any], mean: npt.NDArray[Any], logvar: npt.NDArray[Any]) -> Float64:
    """log N(z; mean, diag exp(logvar)), nats, summed over the last axis: float64 [...]."""
    z, mean, logvar = (array.astype(np.float64) for array in (z, mean, logvar))
    return np.asarray(-0.5 * ((z - mean) ** 2 * np.exp(-logvar) + logvar + math.log(2 * math.pi)).sum(axis=-1))


def in_rows(z: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Latents of any shape as rows of numbers in C order: [batch, ...] -> [batch, latent_size]."""
    return z.reshape(len(z), math.prod(z.shape[1:]))


def log_standard_normal(z: npt.NDArray[Any]) -> Float64:
    """log N(z; 0, I), nats, summed over the last axis: float64 [...]."""
    zero = np.zeros(1)
    return log_normal(z, zero, zero)


def kl_to_standard_normal(mean: npt.NDArray[Any], logvar: npt.NDArray[Any]) -> Float64:
    """KL(N(mean, diag exp(logvar)) || N(0, I)), nats, [batch, size] -> float64 [batch].

    Kingma and Welling 2014, "Auto-encoding variational Bayes", appendix B.
    """
    mean, logvar = mean.astype(np.float64), logvar.astype(np.float64)
    return np.asarray(0.5 * (mean**2 + np.exp(logvar) - 1.0 - logvar).sum(axis=-1))
