"""p(x|z) given the decoder's logits, whose sigmoid is the mean image: Bernoulli, or Gaussian with a learned sigma."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Config

# The format clips Bernoulli probabilities to [1e-6, 1 - 1e-6] in a likelihood; on logits that is this.
LOGIT_LIMIT = math.log1p(-1e-6) - math.log(1e-6)
# A mean pixel comes as float32: of the sum of |d log p / d mean|, this share counts as size (`size` below), so that an
# error of 80 float32 steps of the size (export/vae_export/parity.py) covers two steps of every pixel.
SLOPE_SHARE = 1 / 40
# A density of pixels that come in steps of 1/255 has no upper bound; half a step is where it stops meaning anything.
LEAST_SIGMA = 0.5 / 255


class Bernoulli(nn.Module):
    """Each pixel is white with probability sigmoid(logit)."""

    sigma = None

    def forward(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of x log p + (1 - x) log(1 - p): [batch], nats.

        For grey x in (0, 1) this is the cross-entropy that texts train on, not a normalised density.
        """
        return (images * logits - F.softplus(logits)).flatten(1).sum(1)

    def measured(self, images: Tensor, logits: Tensor) -> Tensor:
        """The same with the format's clipping of probabilities, which has no gradient outside."""
        return self(images, logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT))

    def size(self, images: Tensor, logits: Tensor) -> Tensor:
        """What the terms of `measured` come to without their signs, and what float32 pixels leave open: [batch].

        Where the mean is white and the pixel is not, ln(1 - p) hangs on the last bits of p.
        """
        logits = logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)
        slopes = (images - logits.sigmoid()).abs() * (2 + logits.exp() + (-logits).exp())  # |x - p| / (p (1 - p))
        return self(images, logits).abs() + slopes.flatten(1).sum(1) * SLOPE_SHARE


class Gaussian(nn.Module):
    """Each channel of a pixel is normal around sigmoid(logit), with one learned standard deviation for all.

    Rybkin, Daniilidis and Levine 2021, "Simple and effective VAE training with calibrated decoders" (sigma-VAE): sigma
    weighs likelihood against KL as the data asks, where a fixed one is a hidden beta.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(0.1)))

    @property
    def sigma(self) -> float:
        """The standard deviation, in units of the pixels' range [0, 1]."""
        return float(self._log_sigma().detach().exp())

    def forward(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of log N(x; sigmoid(logit), sigma^2): [batch], nats; a density of pixels in [0, 1]."""
        log_sigma = self._log_sigma().to(logits.dtype)
        errors = (images - logits.sigmoid()) * (-log_sigma).exp()
        return (-0.5 * errors**2 - log_sigma - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def measured(self, images: Tensor, logits: Tensor) -> Tensor:
        """The same: there is nothing to clip."""
        found: Tensor = self(images, logits)
        return found

    def size(self, images: Tensor, logits: Tensor) -> Tensor:
        """What the terms of `measured` come to without their signs, and what float32 pixels leave open: [batch]."""
        log_sigma = self._log_sigma().to(logits.dtype)
        differences = (images - logits.sigmoid()).flatten(1)
        squares = 0.5 * (differences**2).sum(1) * (-2 * log_sigma).exp()
        constants = (log_sigma + 0.5 * math.log(2 * math.pi)).abs() * differences.shape[1]
        return squares + constants + differences.abs().sum(1) * (-2 * log_sigma).exp() * SLOPE_SHARE

    def _log_sigma(self) -> Tensor:
        return self.log_sigma.clamp(min=math.log(LEAST_SIGMA))


def build_likelihood(config: Config) -> Bernoulli | Gaussian:
    """The one that the config names."""
    return Gaussian() if config.likelihood == "gaussian" else Bernoulli()
