"""What a model is worth on images that it is not fitted to: the figure that chooses the best weights."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import Config
from ..models.likelihood import LEAST_SIGMA
from ..models.networks import VAE
from .loss import iwae, reparameterise

AT_ONCE = 100  # images


class HeldOut(NamedTuple):
    """Mean bound in nats an image; of a Gaussian the sigma that makes it highest, which it is then measured with."""

    bound: float
    sigma: float | None = None


@torch.no_grad()
def measure(model: VAE, config: Config, images: Tensor, *, draws: int, device: torch.device) -> HeldOut:
    """Mean bound of uint8 images [batch, channels, height, width], with noise that is the same each time.

    A sigma that was learned with the weights is that of images the weights are fitted to, too small for others. Its
    optimum on held-out images is in closed form: the root mean square of their errors, as one temperature is fitted
    after training (Guo et al. 2017, "On calibration of modern neural networks").
    """
    generator = torch.Generator(device).manual_seed(config.seed)
    fits_sigma = config.likelihood == "gaussian" and draws == 1
    bounds = squares = kls = 0.0
    for rows in images.split(AT_ONCE):
        x = rows.to(device).float() / 255
        if config.targets == "binarised":
            x = torch.bernoulli(x, generator=generator)
        eps = torch.randn(draws, len(x), config.latent_size, device=device, generator=generator)
        if fits_sigma:
            mean, logvar = model.encode(x)
            z = reparameterise(mean, logvar, eps[0])
            squares += float((model.decode(z).sigmoid() - x).square().sum())
            kls += float(model.prior.kl(z, mean, logvar).sum())
        else:
            bounds += float(iwae(model, x, eps).iwae.sum())
    if not fits_sigma:
        return HeldOut(bounds / len(images))
    numbers = math.prod(config.image_shape)
    variance = squares / len(images) / numbers
    sigma = max(math.sqrt(variance), LEAST_SIGMA)
    nats = -0.5 * numbers * (math.log(2 * math.pi * sigma**2) + variance / sigma**2)
    return HeldOut(nats - kls / len(images), sigma)
