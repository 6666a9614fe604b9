"""What a model is worth on images that it is not fitted to: the figure that chooses the best weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..config import Config
from ..data.pixels import to_float
from ..models.likelihood import best_sigma_log_prob
from ..models.networks import VAE
from .loss import bound, draw_terms, reparameterise

AT_ONCE = 100  # images


class HeldOut(NamedTuple):
    """Mean bound in nats an image; where sigma can be fitted, the one that makes it highest, which it is then of."""

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
    fits_sigma = model.likelihood.fits_sigma and draws == 1
    bounds = squares = kls = 0.0
    for rows in images.split(AT_ONCE):
        x = to_float(rows.to(device))
        if config.targets == "binarised":
            x = torch.bernoulli(x, generator=generator)
        eps = torch.randn(draws, len(x), config.latent_size, device=device, generator=generator)
        if fits_sigma:
            mean, logvar = model.encode(x)
            z = reparameterise(mean, logvar, eps[0])
            squares += float((model.mean_image(z) - x).square().sum())
            kls += float(model.prior.kl(z, mean, logvar).sum())
        else:
            bounds += float(bound(draw_terms(model, x, eps)).sum())
    if not fits_sigma:
        return HeldOut(bounds / len(images))
    log_likelihood, sigma = best_sigma_log_prob(squares / images.numel(), images[0].numel())
    return HeldOut(log_likelihood - kls / len(images), sigma)
