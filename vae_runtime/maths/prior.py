"""The prior p(z), by family. One today: "standard_normal". A learned prior adds its own functions of the same three."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .gaussian import Float64, kl_to_standard_normal, log_normal


def from_noise(eps: npt.NDArray[np.float32], *, temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Turn noise into draws from the prior, both float32 [batch, size]; the temperature scales the noise."""
    return eps * np.float32(temperature)


def log_prior(z: npt.NDArray[Any]) -> Float64:
    """log p(z), nats, summed over the last axis."""
    zero = np.zeros(1)
    return log_normal(z, zero, zero)


def kl_to_prior(mean: npt.NDArray[Any], logvar: npt.NDArray[Any]) -> Float64:
    """KL(q(z|x) || p(z)), nats, exact: [batch, size] -> float64 [batch]."""
    return kl_to_standard_normal(mean, logvar)
