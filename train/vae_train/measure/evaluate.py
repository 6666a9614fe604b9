"""What a trained model is worth: every figure of its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vae_runtime import from_uint8
from vae_runtime.maths.noise import uniform_choice
from vae_runtime.maths.posterior import Posterior

from ..checkpoint import weights_digest
from ..config import Config
from ..data.datasets import Dataset
from ..models.densities import kl_per_latent
from ..models.networks import VAE, parameter_count
from ..models.sampling import noise_labels, prior_latents
from .bounds import BoundsEngine, TorchEngine, dataset_bounds
from .judge import frechet_distance, load_judge, sample_quality
from .latents import PROBE_LABELS, active_units, aggregate_posterior_auc, linear_probe, posteriors
from .trivial import trivial_figures

JUDGED_SAMPLES = 10_000
FEWEST_LATENTS = 200  # test images that figures of the latents' law take

Float32 = npt.NDArray[np.float32]


def evaluate(
    model: VAE,
    config: Config,
    dataset: Dataset,
    device: torch.device,
    *,
    draws: Sequence[int] = (1, 64, 1000),
    images: int | None = None,
    engine: BoundsEngine | None = None,
    kept_in: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Figures as JSON values; nats an image, means over the test set (or its first `images`).

    What cannot be measured on these data stands under "not_measured", with its reason.
    engine: what measures the bounds; torch by default. kept_in: a file that keeps the bounds of each image, so that a
    measurement that was stopped goes on.
    """
    model.eval()
    engine = engine or TorchEngine(model, device)
    grey = from_uint8(dataset.test_images[:images])
    test = binarise(grey, seed=0) if config.targets == "binarised" else grey
    bounds = {
        count: dataset_bounds(engine, test, draws=count, kept_in=kept_in, progress=progress).mean(0)
        for count in sorted(draws)
    }
    on_grey = dataset_bounds(engine, grey, draws=1, kept_in=kept_in, progress=progress).mean(0)
    log_likelihood, kl, iwae = (float(figure) for figure in bounds[max(draws)])
    figures: dict[str, Any] = {
        "data": config.data,
        "targets": config.targets,
        "train_images": len(dataset.train_images) - config.validation_images,
        "test_images": len(test),
        "parameters": parameter_count(model),
        "engine": engine.name,
        "weights": weights_digest(model),
        "elbo_nats": log_likelihood - kl,
        "log_likelihood_nats": log_likelihood,
        "kl_nats": kl,
        "nll_nats": -iwae,
        "nll_draws": max(draws),
        "nll_nats_by_draws": {str(count): -float(means[2]) for count, means in bounds.items()},
        "nll_bits_per_dim": model.likelihood.bits_per_dim(iwae, math.prod(config.image_shape)),
        "elbo_grey_nats": float(on_grey[0] - on_grey[1]),
        "reconstruction_rmse_grey": reconstruction_rmse(model, torch.from_numpy(grey).to(device)),
        **trivial_figures(config, dataset),
    }
    missing: dict[str, str] = {}
    progress("latents: how far they lie from the prior")
    figures |= _latent_figures(model, config, dataset, device, images, missing)
    progress("latents: what a linear probe reads")
    figures |= _probe_figures(model, dataset, device, images, missing)
    progress("samples: how good they are")
    figures |= _sample_figures(model, config, dataset, device, missing)
    return {**figures, "not_measured": missing} if missing else figures


def binarise(images: Float32, *, seed: int) -> Float32:
    """Draw each pixel once as Bernoulli(grey level), the same for every model and machine."""
    drawn = torch.bernoulli(torch.from_numpy(images), generator=torch.Generator().manual_seed(seed))
    return np.asarray(drawn)


@torch.inference_mode()
def reconstruction_rmse(model: VAE, images: Tensor) -> float:
    """Root mean square error a pixel, in [0, 1], of the decoded posterior mean."""
    squares = [((model.mean_image(model.encode(rows)[0]) - rows) ** 2).sum() for rows in images.split(500)]
    return float((torch.stack(squares).sum() / images.numel()).sqrt())


@torch.inference_mode()
def samples(model: VAE, config: Config, device: torch.device, n: int) -> tuple[Float32, Float32]:
    """Latents of the prior and the images they decode to, as `vae_runtime` draws them with seed 0."""
    z = prior_latents(model, n, config.latent_size, device)
    images = torch.cat([model.mean_image(rows) for rows in z.split(500)])
    return z.cpu().numpy(), images.cpu().numpy()


def _latent_figures(
    model: VAE, config: Config, dataset: Dataset, device: torch.device, images: int | None, missing: dict[str, str]
) -> dict[str, Any]:
    mean, logvar = posteriors(model, dataset.test_images[:images], device)
    if len(mean) < FEWEST_LATENTS:
        reason = f"{len(mean)} test images are too few to tell the law of their latents; {FEWEST_LATENTS} would do"
        missing |= dict.fromkeys(("active_units", "aggregate_posterior_auc"), reason)
        return {}
    prior_draws = prior_latents(model, len(mean), config.latent_size, device).cpu().numpy()
    return {
        "active_units": active_units(mean),
        # From the standard normal, whatever the prior: only there does the KL fall apart into latents.
        "kl_nats_per_latent": [round(float(kl), 4) for kl in kl_per_latent(mean, logvar).mean(0)],
        "aggregate_posterior_auc": aggregate_posterior_auc(
            Posterior(mean.numpy(), logvar.numpy()).sample(seed=1), prior_draws
        ),
        **_label_figures(model, mean, dataset.test_labels[:images]),
    }


def _probe_figures(
    model: VAE, dataset: Dataset, device: torch.device, images: int | None, missing: dict[str, str]
) -> dict[str, Any]:
    """Accuracies of a linear probe, where the images have labels: digits, or the folders that pictures lie in."""
    kinds, tested = set(dataset.train_labels.tolist()), set(dataset.test_labels[:images].tolist())
    if len(kinds) < 2:
        missing["linear_probe_accuracy"] = "the images have one label; pictures have that of their subfolder"
        return {}
    if not tested <= kinds:
        missing["linear_probe_accuracy"] = "some test images have a label that no training image has"
        return {}
    mean, _ = posteriors(model, dataset.test_images[:images], device)
    train_mean, _ = posteriors(model, dataset.train_images, device)
    train, test = (train_mean.numpy(), dataset.train_labels), (mean.numpy(), dataset.test_labels[:images])
    probes = {
        str(labels or "all"): linear_probe(train, test, labels)
        for labels in PROBE_LABELS
        if labels is None or len(kinds) <= labels <= len(dataset.train_labels)
    }
    return {"linear_probe_accuracy": probes}


@torch.inference_mode()
def _label_figures(model: VAE, mean: Tensor, classes: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """How often the likeliest label of a test image's posterior mean is its class."""
    labels = noise_labels(model.prior)
    if labels is None:
        return {}
    eps, _ = model.prior.to_noise(mean.to(next(model.parameters()).device))
    return {"label_accuracy": float((labels.probabilities(eps.cpu().numpy()).argmax(1) == classes).mean())}


def _sample_figures(
    model: VAE, config: Config, dataset: Dataset, device: torch.device, missing: dict[str, str]
) -> dict[str, Any]:
    """The judge knows digits of 28x28."""
    if config.data not in ("mnist", "digits") or config.image_shape != (1, 28, 28):
        missing["sample_frechet_distance"] = "the judge of samples knows digits alone; look at the samples (plot)"
        return {}
    judge = load_judge()
    real = from_uint8(dataset.test_images)
    other = from_uint8(dataset.train_images[: len(real)])
    _, drawn = samples(model, config, device, JUDGED_SAMPLES)
    quality = sample_quality(judge, drawn, real)
    if config.labels:
        classes = judge.look(drawn)[1].argmax(1)
        quality["label_agreement"] = float((classes == uniform_choice(len(drawn), config.labels, seed=0)).mean())
    quality["frechet_distance_of_training_images"] = frechet_distance(judge.look(other)[0], judge.look(real)[0])
    return {f"sample_{name}": figure for name, figure in quality.items()}
