"""p(x|z) given the decoder's logits, whose sigmoid is the mean image: Bernoulli, or Gaussian with a learned sigma."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Config

# A density of pixels that come in steps of 1/255 has no upper bound; half a step is where it stops meaning anything.
LEAST_SIGMA = 0.5 / 255


class Bernoulli(nn.Module):
    """Each pixel is white with probability sigmoid(logit)."""

    sigma = None
    parameters_in_manifest: Mapping[str, float] = MappingProxyType({})

    def forward(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of x log p + (1 - x) log(1 - p): [batch], nats.

        For grey x in (0, 1) this is the cross-entropy that texts train on, not a normalised density.
        """
        return (images * logits - F.softplus(logits)).flatten(1).sum(1)


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

    @property
    def parameters_in_manifest(self) -> Mapping[str, float]:
        """What the runtime's object of this family takes."""
        return {"sigma": self.sigma}

    def forward(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of log N(x; sigmoid(logit), sigma^2): [batch], nats; a density of pixels in [0, 1]."""
        log_sigma = self._log_sigma().to(logits.dtype)
        errors = (images - logits.sigmoid()) * (-log_sigma).exp()
        return (-0.5 * errors**2 - log_sigma - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def _log_sigma(self) -> Tensor:
        return self.log_sigma.clamp(min=math.log(LEAST_SIGMA))


def build_likelihood(config: Config) -> Bernoulli | Gaussian:
    """The one that the config names."""
    return Gaussian() if config.likelihood == "gaussian" else Bernoulli()
