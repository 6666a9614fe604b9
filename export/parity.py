"""Does the exported pair equal the torch model? Asked before anything is kept, of the runtime that devices use."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train.config import Config
from train.densities import gaussian_kl, log_normal
from train.detector import Detector
from train.networks import VAE as TorchVAE
from train.prior import StandardNormal
from train.sampling import prior_latents
from vae_runtime import VAE, from_uint8, to_uint8
from vae_runtime.maths.noise import standard_normal
from vae_runtime.maths.posterior import Posterior

from .errors import ExportError

BATCHES = (0, 1, 2, 7, 64)
# One float32 step at these sizes is near 1e-7; what is left is summation order over a few hundred terms.
LIMITS = {"mean": 1e-4, "logvar": 1e-4, "z": 1e-4, "images": 1e-5, "nats": 1e-3}


class TorchNumbers(NamedTuple):
    """What torch says of images with noise of seed 0: the golden vectors' outputs, and the limits' subject."""

    mean: npt.NDArray[np.float32]
    logvar: npt.NDArray[np.float32]
    log_likelihood: npt.NDArray[np.float64]
    kl: npt.NDArray[np.float64]
    iwae: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]


@torch.inference_mode()
def torch_numbers(model: TorchVAE, images: npt.NDArray[np.float32], *, draws: int) -> TorchNumbers:
    """Posterior, bounds and score by torch, from logits and in float64 where the runtime works from the mean image."""
    x = torch.from_numpy(images)
    mean, logvar = model.encode(x)
    posterior = Posterior(mean.numpy(), logvar.numpy())
    z = torch.from_numpy(posterior.draws(0, draws, seed=0))
    likelihoods = torch.stack([_log_likelihood(model, x, z[:, draw]) for draw in range(draws)], dim=1)
    spread = (mean[:, None].double(), logvar[:, None].double())
    ratios = model.prior.log_prob(z).double() - log_normal(z.double(), *spread)
    kl = gaussian_kl(mean.double(), logvar.double()) if isinstance(model.prior, StandardNormal) else -ratios.mean(1)
    at_mean = mean.double()
    ratio = model.prior.log_prob(mean).double() - log_normal(at_mean, at_mean, logvar.double())
    score = -(_log_likelihood(model, x, mean) + ratio)
    return TorchNumbers(
        mean.numpy(),
        logvar.numpy(),
        likelihoods.mean(1).numpy(),
        kl.numpy(),
        ((likelihoods + ratios).logsumexp(1) - math.log(draws)).numpy(),
        score.numpy(),
    )


@torch.inference_mode()
def differences(model: TorchVAE, config: Config, vae: VAE, detector: Detector | None = None) -> dict[str, float]:
    """The largest absolute difference of each tensor, over batch sizes and over random and extreme inputs."""
    found = dict.fromkeys(LIMITS, 0.0)

    def note(name: str, ours: npt.NDArray[np.floating], torchs: npt.NDArray[np.floating]) -> None:
        if ours.shape != torchs.shape:
            raise ExportError(f"{name} has the shape {ours.shape}, torch's has {torchs.shape}.")
        found[name] = max(found[name], float(np.abs(ours.astype(np.float64) - torchs).max(initial=0.0)))

    for batch in BATCHES:
        for images in _images(config, batch):
            posterior, expected = vae.encode(images), model.encode(torch.from_numpy(images))
            note("mean", posterior.mean, expected[0].numpy())
            note("logvar", posterior.logvar, expected[1].numpy())
            if detector:
                note("nats", vae.anomaly_map(images, method="faults"), detector(torch.from_numpy(images)).numpy())
        for z in _latents(config, batch):
            drawn = model.prior.from_noise(torch.from_numpy(z)).numpy()
            size = np.maximum(1, np.abs(drawn))  # noise of 10 deviations may go very far out
            note("z", vae.prior.from_noise(z, batch_size=64) / size, drawn / size)
            note("images", vae.decode(z), model.decode(torch.from_numpy(z)).sigmoid().numpy())
    images = likely_images(model, config, 16)
    numbers, elbo = torch_numbers(model, images, draws=4), vae.elbo(images, samples=4)
    pairs = [(getattr(elbo, name), getattr(numbers, name)) for name in ("log_likelihood", "kl", "iwae")]
    for ours, torchs in (*pairs, (vae.score(images), numbers.score)):
        note("nats", ours / nats_scale(torchs), torchs / nats_scale(torchs))
    return found


def nats_scale(nats: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What differences of such nats are divided by: beyond a thousand, float32 images fix a share of them only."""
    return np.maximum(1.0, np.abs(nats) / 1000)


def require_parity(found: dict[str, float]) -> None:
    """Refuse the export if any tensor differs by more than its limit."""
    for name, limit in LIMITS.items():
        if not found[name] <= limit:  # also true of NaN
            raise ExportError(f"{name} differs from torch by {found[name]:.3g}; the limit is {limit:g}.")


@torch.inference_mode()
def likely_images(model: TorchVAE, config: Config, n: int) -> npt.NDArray[np.float32]:
    """Images the model knows, without its data: n - 1 of its own samples at 8 bits, and black.

    Nats are compared on these alone. Where an unlikely image is black at a pixel that the decoder calls white, 1 - p is
    a few float32 steps, and its logarithm is known to a few hundredths only: the price of a mean image as output.
    """
    z = prior_latents(model, n - 1, config.latent_size, torch.device("cpu"), seed=1)
    pixels = to_uint8(model.decode(z).sigmoid().numpy())
    black = np.zeros((1, *config.image_shape), np.uint8)
    return from_uint8(np.concatenate([pixels, black]))


def _images(config: Config, batch: int) -> list[npt.NDArray[np.float32]]:
    shape = (batch, *config.image_shape)
    uniform = np.random.default_rng(batch).random(shape, dtype=np.float32)
    return [uniform, np.rint(uniform), np.zeros(shape, np.float32), np.ones(shape, np.float32)]


def _latents(config: Config, batch: int) -> list[npt.NDArray[np.float32]]:
    eps = standard_normal(batch, config.latent_size, seed=batch)
    return [eps, 5 * eps, np.zeros_like(eps), np.full_like(eps, 10), np.full_like(eps, -10)]


def _log_likelihood(model: TorchVAE, x: Tensor, z: Tensor) -> Tensor:
    return model.likelihood.measured(x.double(), model.decode(z).double())
