"""What a trained model is worth: bounds on the test set, and what its latents carry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .config import Config
from .data import Dataset
from .densities import kl_per_latent, log_normal
from .loss import Bounds, bernoulli_log_likelihood, clip_logits, reparameterise
from .networks import VAE, parameter_count
from .trainer import to_float

ROWS = 500  # latents decoded at once: small enough for a processor's cache
PROBE_LABELS = (100, 1000, None)  # None: all
PROBE_DRAWS = 5  # label sets drawn at each size, averaged


@torch.inference_mode()
def bounds(model: VAE, images: Tensor, *, draws: int, generator: torch.Generator) -> Bounds:
    """Estimate the bounds of images float [batch, channels, height, width] from `draws` draws each, seeded; float64.

    Burda, Grosse and Salakhutdinov 2016, equation 8: log p(x) >= E[log mean_k p(x|z_k) p(z_k) / q(z_k|x)].
    """
    mean, logvar = model.encode(images)
    likelihoods, kls, weights = [], [], []
    for count in _parts(draws, max(1, ROWS // len(images))):
        eps = torch.randn(count, *mean.shape, generator=generator, device=mean.device)
        z = reparameterise(mean, logvar, eps)
        logits = clip_logits(model.decode(z.flatten(0, 1)))
        targets = images.expand(count, *images.shape).flatten(0, 1)
        likelihood = bernoulli_log_likelihood(targets, logits).view(count, -1).double()
        likelihoods.append(likelihood)
        kls.append(model.prior.kl(z, mean, logvar).expand(count, -1).double())
        weights.append(likelihood + (model.prior.log_prob(z) - log_normal(z, mean, logvar)).double())
    iwae = torch.cat(weights).logsumexp(0) - math.log(draws)
    return Bounds(torch.cat(likelihoods).mean(0), torch.cat(kls).mean(0), iwae)


def dataset_bounds(
    model: VAE, images: Tensor, *, draws: int, seed: int = 0, progress: Callable[[int], None] | None = None
) -> Bounds:
    """The bounds of a whole set, a few images at a time; `progress` is told how many are done."""
    generator = torch.Generator(images.device).manual_seed(seed)
    at_once = max(1, min(len(images), ROWS // min(draws, 100)))
    results = []
    for begin in range(0, len(images), at_once):
        results.append(bounds(model, images[begin : begin + at_once], draws=draws, generator=generator))
        if progress:
            progress(min(begin + at_once, len(images)))
    return Bounds(*(torch.cat(part) for part in zip(*results, strict=True)))


def binarise(images: Tensor, *, seed: int) -> Tensor:
    """Draw each pixel once as Bernoulli(grey level), the same for every model and machine."""
    drawn = torch.bernoulli(images.cpu(), generator=torch.Generator().manual_seed(seed))
    return drawn.to(images.device)


@torch.inference_mode()
def posteriors(model: VAE, images: npt.NDArray[np.uint8], device: torch.device) -> tuple[Tensor, Tensor]:
    """mean and logvar of uint8 images, each [batch, latent_size], on the CPU."""
    parts = [model.encode(to_float(rows.to(device))) for rows in torch.from_numpy(images).split(500)]
    mean, logvar = (torch.cat(part).float().cpu() for part in zip(*parts, strict=True))
    return mean, logvar


def active_units(mean: Tensor) -> int:
    """How many latents' posterior means vary over the data by more than 0.01 (Burda et al. 2016, section 5.2)."""
    return int((mean.var(0) > 0.01).sum())


def linear_probe(
    train: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    labels: int | None,
) -> float:
    """Test accuracy of logistic regression on latent means with few labels, the same number of each class.

    Kingma et al. 2014, "Semi-supervised learning with deep generative models", model M1. Averaged over label draws.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    latents, classes = train
    accuracies = []
    for draw in range(PROBE_DRAWS if labels else 1):
        order = np.random.default_rng(draw).permutation(len(classes))
        kinds = np.unique(classes)
        each = len(order) if labels is None else labels // len(kinds)
        rows = np.concatenate([order[classes[order] == kind][:each] for kind in kinds])
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        accuracies.append(probe.fit(latents[rows], classes[rows]).score(*test))
    return float(np.mean(accuracies))


def evaluate(
    model: VAE,
    config: Config,
    dataset: Dataset,
    device: torch.device,
    *,
    draws: int,
    images: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Every figure of a model card, as JSON values; nats an image, means over the test set (or its first `images`)."""
    model.eval()
    grey = to_float(torch.from_numpy(dataset.test_images[:images]).to(device))
    test = binarise(grey, seed=0) if config.targets == "binarised" else grey
    found = dataset_bounds(model, test, draws=draws, progress=progress)
    on_grey = dataset_bounds(model, grey, draws=1)
    mean, logvar = posteriors(model, dataset.test_images[:images], device)
    train_mean, _ = posteriors(model, dataset.train_images, device)
    pixels = math.prod(config.image_shape)
    nll = -float(found.iwae.mean())
    probes = {
        str(labels or "all"): linear_probe(
            (train_mean.numpy(), dataset.train_labels), (mean.numpy(), dataset.test_labels[:images]), labels
        )
        for labels in PROBE_LABELS
        if labels is None or labels <= len(dataset.train_labels)
    }
    return {
        "data": config.data,
        "targets": config.targets,
        "train_images": len(dataset.train_images) - config.validation_images,
        "test_images": len(test),
        "parameters": parameter_count(model),
        "elbo_nats": float((found.log_likelihood - found.kl).mean()),
        "log_likelihood_nats": float(found.log_likelihood.mean()),
        "kl_nats": float(found.kl.mean()),
        "nll_nats": nll,
        "nll_draws": draws,
        "bits_per_dim": nll / (pixels * math.log(2)),
        "elbo_grey_nats": float((on_grey.log_likelihood - on_grey.kl).mean()),
        "reconstruction_rmse_grey": reconstruction_rmse(model, grey),
        "active_units": active_units(mean),
        # From the standard normal, whatever the prior: only there does the KL fall apart into latents.
        "kl_nats_per_latent": [round(float(kl), 4) for kl in kl_per_latent(mean, logvar).mean(0)],
        "linear_probe_accuracy": probes,
    }


@torch.inference_mode()
def reconstruction_rmse(model: VAE, images: Tensor) -> float:
    """Root mean square error a pixel, in [0, 1], of the decoded posterior mean."""
    squares = [((model.decode(model.encode(rows)[0]).sigmoid() - rows) ** 2).sum() for rows in images.split(500)]
    return float((torch.stack(squares).sum() / images.numel()).sqrt())


def _parts(total: int, size: int) -> list[int]:
    return [min(size, total - begin) for begin in range(0, total, size)]
