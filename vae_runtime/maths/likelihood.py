"""log p(x|z) in nats, by family, from the decoder's mean image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .gaussian import Float64

PROBABILITY_MARGIN = 1e-6  # Bernoulli probabilities are clipped to [margin, 1 - margin]


def log_likelihood(
    images: npt.NDArray[np.float32], means: npt.NDArray[np.float32], *, family: str, sigma: float | None = None
) -> Float64:
    """log p(images | z) where the decoder gave `means`, summed over pixels, nats.

    images and means: float32 [..., channels, height, width], broadcast against each other. Returns float64 [...].
    """
    if family == "bernoulli":
        return bernoulli(images, means)
    if family == "gaussian" and sigma is not None:
        return gaussian(images, means, sigma)
    raise ValueError(f"unknown likelihood family {family!r}")


def log_likelihood_map(
    images: npt.NDArray[np.float32], means: npt.NDArray[np.float32], *, family: str, sigma: float | None = None
) -> npt.NDArray[np.float32]:
    """The same, summed over channels alone: float32 [..., height, width]."""
    terms: npt.NDArray[Any]
    if family == "bernoulli":
        terms = _bernoulli_terms(images, means)
    elif family == "gaussian" and sigma is not None:
        terms = _gaussian_terms(images, means, sigma)
    else:
        raise ValueError(f"unknown likelihood family {family!r}")
    return np.asarray(terms.sum(axis=-3, dtype=np.float64).astype(np.float32))


def bernoulli(images: npt.NDArray[np.float32], means: npt.NDArray[np.float32]) -> Float64:
    """Sum of x log p + (1 - x) log(1 - p).

    Terms are float32 (1 - p is exact there for p >= 1/2), the sum is float64. For grey x this is the cross-entropy of
    texts: exact for x in {0, 1}, and no normalised density between.
    """
    return _sum_pixels(_bernoulli_terms(images, means))


def gaussian(images: npt.NDArray[np.float32], means: npt.NDArray[np.float32], sigma: float) -> Float64:
    """Sum of log N(x; mean, sigma^2), a density with respect to pixels in [0, 1]."""
    return _sum_pixels(_gaussian_terms(images, means, sigma))


def _bernoulli_terms(images: npt.NDArray[np.float32], means: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    margin = np.float32(PROBABILITY_MARGIN)
    log_p = np.log(np.clip(means, margin, 1 - margin))
    log_not_p = np.log(np.clip(1 - means, margin, 1 - margin))
    return np.asarray(images * (log_p - log_not_p) + log_not_p)


def _gaussian_terms(images: npt.NDArray[np.float32], means: npt.NDArray[np.float32], sigma: float) -> Float64:
    constant = math.log(sigma) + 0.5 * math.log(2 * math.pi)
    return np.asarray(-0.5 * ((images.astype(np.float64) - means) / sigma) ** 2 - constant)


def _sum_pixels(terms: npt.NDArray[np.floating]) -> Float64:
    return np.asarray(terms.reshape(*terms.shape[:-3], math.prod(terms.shape[-3:])).sum(axis=-1, dtype=np.float64))
