"""The theorem: log p(x) >= ELBO = E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)), in nats.

Kingma and Welling 2014, equations 3 and 10; the importance-weighted bound is Burda, Grosse and Salakhutdinov 2016,
equation 8. Sums run over pixels and latents.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.densities import log_normal
from ..models.networks import VAE


class Terms(NamedTuple):
    """The two terms of the ELBO of each draw, [draws, batch], nats."""

    log_likelihood: Tensor
    kl: Tensor

    def with_kl_weight(self, weight: float) -> Terms:
        """The terms with another weight of the KL than the theorem's 1, for a warm-up."""
        return self._replace(kl=weight * self.kl)


def draw_terms(model: VAE, images: Tensor, eps: Tensor, *, labels: Tensor | None = None) -> Terms:
    """Both terms at draws of q(z|x), seeded by eps [draws, batch, latent_size]; with labels of log p(x | label).

    Of one draw the KL is exact where the prior knows it. Of several it is that of the draw, log q(z|x) - log p(z), so
    that they are the weights of the importance-weighted bound.
    """
    draws = len(eps)
    mean, logvar = (part.float() for part in model.encode(images))
    z = reparameterise(mean, logvar, eps)
    logits = model.decode(z.flatten(0, 1)).float()
    targets = images.expand(draws, *images.shape).flatten(0, 1)
    log_likelihood = model.likelihood.log_prob(targets, logits).view(draws, -1)
    with torch.autocast(images.device.type, enabled=False):  # densities are differences of large numbers
        if draws == 1:
            kl = model.prior.kl(z, mean, logvar, labels).view(1, -1)
        else:
            kl = log_normal(z, mean, logvar) - model.prior.log_prob(z, labels)
    return Terms(log_likelihood, kl)


def bound(terms: Terms) -> Tensor:
    """The ELBO of one draw; of several the importance-weighted bound, which lies nearer to log p(x): [batch], nats.

    The more draws, the less the model is bent to what a diagonal posterior can follow: decoder and prior keep what the
    ELBO would have them give up.
    """
    elbo = terms.log_likelihood - terms.kl
    return elbo.logsumexp(0) - math.log(len(elbo))


def loss(terms: Terms) -> Tensor:
    """What training lowers: a number, nats an image."""
    elbo = bound(terms)
    return -elbo.mean()


def reparameterise(mean: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = mean + sigma * eps: a draw from q(z|x) that gradients pass through."""
    return mean + torch.exp(0.5 * logvar) * eps
