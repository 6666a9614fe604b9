"""What torch says of images: the golden vectors' outputs, and the truth that an export is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.densities import log_normal
from vae_train.models.networks import VAE as TorchVAE
from vae_train.models.sampling import prior_latents

from vae_runtime import from_uint8, to_uint8
from vae_runtime.maths.posterior import Posterior
from vae_runtime.model.scores import SCORES

Array = npt.NDArray[np.floating]


class TorchNumbers(NamedTuple):
    """What torch says of images with noise of seed 0: the golden vectors' outputs, and the subject of parity."""

    mean: Array  # [batch, latent_size], of the model's own precision
    logvar: Array
    log_likelihood: npt.NDArray[np.float64]  # [batch], as all below
    kl: npt.NDArray[np.float64]
    iwae: npt.NDArray[np.float64]
    scores: dict[str, npt.NDArray[np.float64]]  # by method of `VAE.score`, all that the model has


class TorchSaid(NamedTuple):
    """What the runtime's scores are computed from, by torch at the posterior mean."""

    images: npt.NDArray[np.float32]
    posterior: Posterior
    mean_image: npt.NDArray[np.float32]  # as the images
    log_likelihood: npt.NDArray[np.float64]  # [batch]
    log_ratio: npt.NDArray[np.float64]  # [batch]
    faults: Any  # [batch, height, width], of models with a detector
    log_likelihood_map: Any = None  # no score is computed from it


@torch.inference_mode()
def torch_numbers(
    model: TorchVAE,
    images: npt.NDArray[np.float32],
    *,
    draws: int,
    methods: Sequence[str],
    detector: Detector | None = None,
) -> TorchNumbers:
    """Posterior, bounds and scores by torch; densities from logits and in float64, whatever the model computes in.

    methods: of `VAE.score`, those that the model has.
    """
    x = torch.from_numpy(images).to(next(model.parameters()).dtype)
    mean, logvar = model.encode(x)
    z = torch.from_numpy(Posterior(mean.numpy(), logvar.numpy()).draws(0, draws, seed=0))
    logits = [model.decode(z[:, draw]).double() for draw in range(draws)]
    likelihoods = torch.stack([model.likelihood.log_prob(x.double(), each) for each in logits], dim=1)
    spread = (mean[:, None].double(), logvar[:, None].double())
    log_priors = model.prior.log_prob(z).double()
    ratios = log_priors - log_normal(z.double(), *spread)
    exact = model.prior.exact_kl(mean.double(), logvar.double())
    kl = -ratios.mean(1) if exact is None else exact
    at_mean = mean.double()
    logits_at_mean = model.decode(mean)
    said = TorchSaid(
        images,
        Posterior(mean.numpy(), logvar.numpy()),
        model.likelihood.mean_image(logits_at_mean).float().numpy(),
        model.likelihood.log_prob(x.double(), logits_at_mean.double()).numpy(),
        (model.prior.log_prob(mean).double() - log_normal(at_mean, at_mean, logvar.double())).numpy(),
        detector(x).double().numpy() if detector else None,
    )
    return TorchNumbers(
        mean.numpy(),
        logvar.numpy(),
        likelihoods.mean(1).numpy(),
        kl.numpy(),
        ((likelihoods + ratios).logsumexp(1) - math.log(draws)).numpy(),
        {method: SCORES[method].compute(said) for method in methods},
    )


@torch.inference_mode()
def likely_images(model: TorchVAE, config: Config, n: int) -> npt.NDArray[np.float32]:
    """Images that the model knows, without its data: its own samples at 8 bits."""
    z = prior_latents(model, n, config.latent_size, torch.device("cpu"), seed=1)
    return from_uint8(to_uint8(model.mean_image(z).numpy()))
