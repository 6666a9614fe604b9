"""Diagonal Gaussians, in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) summed over latents: [batch]. Kingma and Welling 2014, appendix B."""
    return kl_per_latent(mean, logvar).sum(1)


def kl_per_latent(mean: Tensor, logvar: Tensor) -> Tensor:
    """The same, one number a latent: [batch, latent_size]."""
    return 0.5 * (mean**2 + logvar.exp() - 1.0 - logvar)


def log_normal(z: Tensor, mean: Tensor | float, logvar: Tensor | float) -> Tensor:
    """log N(z; mean, exp(logvar)) summed over the last axis."""
    logvar = torch.as_tensor(logvar, dtype=z.dtype, device=z.device)
    return -0.5 * ((z - mean) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(-1)
