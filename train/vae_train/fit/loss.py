"""The theorem: log p(x) >= ELBO = E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)), in nats.

Kingma and Welling 2014, equations 3 and 10; the importance-weighted bound is Burda, Grosse and Salakhutdinov 2016,
equation 8. Sums run over pixels and latents; every result has one number an image.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.densities import log_normal
from ..models.networks import VAE


class ELBO(NamedTuple):
    """The two terms apart, each [batch], nats."""

    log_likelihood: Tensor
    kl: Tensor


class Bounds(NamedTuple):
    """[batch] each, nats: the ELBO's two terms averaged over the draws, and the importance-weighted bound of them."""

    log_likelihood: Tensor
    kl: Tensor
    iwae: Tensor


def elbo(model: VAE, images: Tensor, eps: Tensor, *, labels: Tensor | None = None) -> ELBO:
    """One-sample estimate of both terms, seeded by eps [batch, latent_size]; with labels of log p(x | label)."""
    mean, logvar = model.encode(images)
    mean, logvar = mean.float(), logvar.float()
    z = reparameterise(mean, logvar, eps)
    logits = model.decode(z).float()
    log_likelihood = model.likelihood(images, logits)
    with torch.autocast(images.device.type, enabled=False):  # densities are differences of large numbers
        return ELBO(log_likelihood, model.prior.kl(z, mean, logvar, labels))


def iwae(model: VAE, images: Tensor, eps: Tensor, *, labels: Tensor | None = None) -> Bounds:
    """The importance-weighted bound log mean_k p(x, z_k) / q(z_k|x), seeded by eps [draws, batch, latent_size].

    The more draws, the nearer it is to log p(x), and the less the model is bent to what a diagonal posterior can
    follow: decoder and prior keep what the ELBO would have them give up.
    """
    draws = len(eps)
    mean, logvar = (part.float() for part in model.encode(images))
    z = reparameterise(mean, logvar, eps)
    logits = model.decode(z.flatten(0, 1)).float()
    targets = images.expand(draws, *images.shape).flatten(0, 1)
    log_likelihood = model.likelihood(targets, logits).view(draws, -1)
    with torch.autocast(images.device.type, enabled=False):
        kl = log_normal(z, mean, logvar) - model.prior.log_prob(z, labels)
        bound = (log_likelihood - kl).logsumexp(0) - math.log(draws)
    return Bounds(log_likelihood.mean(0), kl.mean(0), bound)


def reparameterise(mean: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = mean + sigma * eps: a draw from q(z|x) that gradients pass through."""
    return mean + torch.exp(0.5 * logvar) * eps
