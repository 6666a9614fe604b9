"""What torch says of images: the golden vectors' outputs, and the truth that an export is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from vae_train.models.densities import log_normal

from vae_runtime.maths.posterior import Posterior
from vae_runtime.model.scores import SCORES

from ..torch_side import TorchSide

Array = npt.NDArray[np.floating]


class TorchNumbers(NamedTuple):
    """What torch says of images with noise of seed 0: the golden vectors' outputs, and the subject of parity."""

    mean: Array  # [batch, *latent_shape], of the model's own precision
    logvar: Array | None  # where there is a posterior
    log_likelihood: npt.NDArray[np.float64] | None  # [batch], as all below; the bounds where there is an ELBO
    kl: npt.NDArray[np.float64] | None
    iwae: npt.NDArray[np.float64] | None
    scores: dict[str, npt.NDArray[np.float64]]  # by method of `VAE.score`, all that the model has


class TorchSaid(NamedTuple):
    """What the runtime's scores are computed from, by torch at the posterior mean."""

    images: npt.NDArray[np.float32]
    posterior: Posterior
    mean_image: npt.NDArray[np.float32]  # as the images
    log_likelihood: npt.NDArray[np.float64]  # [batch]
    log_ratio: Any  # float64 [batch], of models with a prior and a posterior
    faults: Any  # [batch, height, width], of models with a detector
    log_likelihood_map: Any = None  # no score is computed from it


@torch.inference_mode()
def torch_numbers(
    side: TorchSide, images: npt.NDArray[np.float32], *, draws: int, methods: Sequence[str], bounds: bool = True
) -> TorchNumbers:
    """Posterior, bounds and scores by torch; densities from logits and in float64, whatever the model computes in.

    methods: of `VAE.score`, those that the model has. bounds: whether it has an ELBO.
    """
    model, x = side.model, torch.from_numpy(images).to(side.dtype)
    mean, logvar = model.encode(x)
    posterior = Posterior(mean.numpy(), None if logvar is None else logvar.numpy())
    said_at_mean = model.decode(mean)
    said = TorchSaid(
        images,
        posterior,
        model.likelihood.mean_image(said_at_mean).float().numpy(),
        model.likelihood.log_prob(x.double(), said_at_mean.double()).numpy(),
        _log_ratio(side, mean, mean, logvar),
        side.detector(x).double().numpy() if side.detector else None,
    )
    log_likelihood, kl, iwae = _bounds(side, x, mean, logvar, draws) if bounds else (None, None, None)
    scores = {method: SCORES[method].compute(said) for method in methods}
    return TorchNumbers(posterior.mean, posterior.logvar, log_likelihood, kl, iwae, scores)


def _bounds(side: TorchSide, x: Tensor, mean: Tensor, logvar: Tensor, draws: int) -> tuple[Any, Any, Any]:
    """Mean log-likelihood over draws, KL and the importance-weighted bound, each float64 [batch]."""
    model = side.model
    z = torch.from_numpy(Posterior(mean.numpy(), logvar.numpy()).draws(0, draws, seed=0))
    likelihoods = torch.stack(
        [model.likelihood.log_prob(x.double(), model.decode(z[:, draw]).double()) for draw in range(draws)], dim=1
    )
    rows = z.reshape(len(z), draws, side.latent_size)
    means, logvars = side.flat(mean).double(), side.flat(logvar).double()
    ratios = model.prior.log_prob(rows).double() - log_normal(rows.double(), means[:, None], logvars[:, None])
    exact = model.prior.exact_kl(means, logvars)
    kl = -ratios.mean(1) if exact is None else exact
    return likelihoods.mean(1).numpy(), kl.numpy(), ((likelihoods + ratios).logsumexp(1) - math.log(draws)).numpy()


def _log_ratio(side: TorchSide, z: Tensor, mean: Tensor, logvar: Tensor | None) -> Any:
    """log p(z) - log q(z|x), nats, float64 [batch]; None where either is missing."""
    if side.model.prior is None or logvar is None:
        return None
    rows, means, logvars = (side.flat(each) for each in (z, mean, logvar))
    log_prior = side.model.prior.log_prob(rows).double()
    return (log_prior - log_normal(rows.double(), means.double(), logvars.double())).numpy()
