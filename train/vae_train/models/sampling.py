"""Draws from a model as `vae_runtime` makes them: the same latents for the same seed."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_runtime.maths.labels import Labels
from vae_runtime.maths.noise import standard_normal

from .networks import VAE
from .prior import Prior


def noise_labels(prior: Prior) -> Labels | None:
    """The runtime's labels of a prior that has some, else None. Classes are called by their number."""
    if not prior.has_labels:
        return None
    mean, logvar = (tensor.detach().float().cpu().numpy() for tensor in (prior.label_mean, prior.label_logvar))
    return Labels(tuple(map(str, range(len(mean)))), mean, logvar)


@torch.inference_mode()
def prior_latents(model: VAE, n: int, latent_size: int, device: torch.device, *, seed: int = 0) -> Tensor:
    """Latents of samples 0 .. n - 1 of a seed: [n, latent_size]."""
    eps = standard_normal(n, latent_size, seed=seed)
    labels = noise_labels(model.prior)
    if labels:
        eps = labels.place(eps, labels.draw(n, None, seed=seed, start=0))
    return torch.cat([model.prior.from_noise(rows.to(device)) for rows in torch.from_numpy(eps).split(500)])
