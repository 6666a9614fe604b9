"""The two halves of somebody's model as one module that speaks as vae_train's VAE does: images in [0, 1], mean, logvar.

The maker's value range and scale of latents are applied here, so that they lie inside the graphs.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn
from vae_train.models.networks import LOGVAR_LIMITS

from .densities import Invertible
from .model import ForeignModel
from .outputs import read_images, read_posterior

LEAST_STD = math.exp(LOGVAR_LIMITS[0] / 2)


class ForeignVAE(nn.Module):
    """encoder and decoder: the maker's; gives: what the encoder gives, known by now."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        model: ForeignModel,
        *,
        gives: str,
        of_logits: bool,
        likelihood: nn.Module,
        prior: nn.Module | None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.likelihood, self.prior = likelihood, prior
        self.gives, self.of_logits = gives, of_logits
        self.low, self.high = model.value_range
        self.scale, self.shift = model.latent_scale, model.latent_shift
        self.image_shape, self.latent_shape = model.image.shape, model.latent_shape

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """images [batch, channels, height, width] in [0, 1] -> mean, logvar, each [batch, *latent_shape]."""
        if images.shape[0] == 0:  # which code such as view(len(x), -1) does not take
            mean, logvar = self.encode(images.new_zeros(1, *images.shape[1:]))
            return mean[:0], None if logvar is None else logvar[:0]
        said = read_posterior(self.encoder(in_range(images, self.low, self.high)), self.gives)
        mean, logvar = said.mean, said.spread
        if (self.shift, self.scale) != (0, 1):
            mean = (mean - self.shift) * self.scale
        if logvar is None:
            return mean, None
        if said.gives == "mean, std":
            logvar = 2 * logvar.clamp(min=LEAST_STD).log()
        if self.scale != 1:
            logvar = logvar + 2 * math.log(self.scale)
        return mean, logvar.clamp(*LOGVAR_LIMITS)

    def decode(self, z: Tensor) -> Tensor:
        """z [batch, *latent_shape] -> images of no fixed range, or logits: [batch, channels, height, width]."""
        if z.shape[0] == 0:
            return self.decode(z.new_zeros(1, *z.shape[1:]))[:0]
        if (self.shift, self.scale) != (0, 1):
            z = z / self.scale + self.shift
        said = read_images(self.decoder(z)).reshape(-1, *self.image_shape)
        if self.of_logits or (self.low, self.high) == (0, 1):
            return said
        return (said - self.low) / (self.high - self.low)

    def mean_image(self, z: Tensor) -> Tensor:
        """z -> images [batch, channels, height, width] in [0, 1]."""
        image: Tensor = self.likelihood.mean_image(self.decode(z))  # type: ignore[operator]  # nn.Module's names
        return image


def in_range(images: Tensor, low: float, high: float) -> Tensor:
    """Images in [0, 1] -> in the maker's range."""
    return images if (low, high) == (0, 1) else images * (high - low) + low


class EncoderGraph(nn.Module):
    """images -> mean, logvar; without a posterior mean alone."""

    def __init__(self, model: ForeignVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Any:
        mean, logvar = self.model.encode(images)
        return (mean,) if logvar is None else (mean, logvar)


class PriorDensity(nn.Module):
    """z -> eps, log_prob, of a learned prior."""

    def __init__(self, prior: Invertible) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        eps, log_prob = self.prior.density(z)
        return eps, log_prob.reshape(-1)


class DecoderGraph(nn.Module):
    """z -> images, and what else the likelihood is computed from."""

    def __init__(self, model: ForeignVAE, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        outputs = self.model.likelihood.decoded(self.model.decode(z))  # type: ignore[operator]  # nn.Module's names
        return tuple(outputs[name] for name in self.names)
