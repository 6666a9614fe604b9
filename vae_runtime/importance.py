"""Bounds on log p(x) from draws of the posterior: the ELBO and the importance-weighted bound."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .maths.bounds import ELBO, log_mean_exp
from .maths.posterior import Posterior
from .model.opened import Model

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def estimate_bounds(model: Model, images: Float32, *, samples: int, seed: int, start: int, batch_size: int) -> ELBO:
    """As `VAE.elbo`, of arguments that were checked; a batch of images and few latents at a time."""
    log_likelihood, kl, iwae = (np.empty(len(images)) for _ in range(3))
    for begin in range(0, len(images), batch_size):
        rows = slice(begin, begin + batch_size)
        posterior = model.encode(images[rows], batch_size=batch_size)
        first = (start + begin) % 2**64
        likelihoods, ratios = _weights(model, images[rows], posterior, samples, seed, first, batch_size)
        log_likelihood[rows], iwae[rows] = likelihoods.mean(axis=-1), log_mean_exp(likelihoods + ratios)
        exact = model.prior.exact_kl(posterior)
        kl[rows] = -ratios.mean(axis=-1) if exact is None else exact
    manifest = model.manifest
    return ELBO(log_likelihood, kl, iwae, math.prod(manifest.image.shape), manifest.likelihood.family)


def _weights(
    model: Model, images: Float32, posterior: Posterior, samples: int, seed: int, start: int, batch_size: int
) -> tuple[Float64, Float64]:
    """log p(x|z) and log p(z)/q(z|x) of every draw, each [batch, samples]: their sum is an importance weight's log."""
    likelihoods, ratios = (np.empty((len(images), samples)) for _ in range(2))
    at_once = max(1, model.at_once // len(images))
    for first in range(0, samples, at_once):
        columns = slice(first, min(first + at_once, samples))
        z = posterior.draws(first, columns.stop - first, seed=seed, start=start)
        decoded = model.decode_for_density(z.reshape(-1, *z.shape[2:]), batch_size=batch_size)
        by_draw = (each.reshape(*z.shape[:2], *images.shape[1:]) for each in decoded)
        likelihoods[:, columns] = model.manifest.likelihood.log_prob(images[:, None], *by_draw)
        ratios[:, columns] = model.log_ratio(z, posterior.by_draw, batch_size=batch_size)
    return likelihoods, ratios
