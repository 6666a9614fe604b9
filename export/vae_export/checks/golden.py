"""The golden vectors of an export, and by how much another machine may differ from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.networks import VAE as TorchVAE

from vae_runtime import standard_normal
from vae_runtime.checks.verify import replay_work
from vae_runtime.maths.posterior import Posterior, reparameterise
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.limits import GOLDEN_BYTES, MOST_REPLAY
from vae_runtime.model.memory import Footprint

from .parity import USUAL_NATS, Parity
from .torch_numbers import likely_images, torch_numbers

SIZES = ((8, 4), (4, 4), (4, 2), (2, 2), (2, 1), (1, 1))  # images and draws: the first that a check has the time for
# What another processor, library version or provider may differ by: a tenth of a grey level, a hundredth of a nat.
TOLERANCE = {"mean": 1e-4, "logvar": 1e-4, "z": 1e-4, "images": 1e-4, "logits": 1e-4, "nats": 1e-2}
OTHER_MACHINES = 4.0  # times the error against float64 here: what another order of sums may give
USUAL_SIZE = {"mean": 10.0, "logvar": 10.0, "z": 10.0, "images": 1.0, "logits": 10.0, "nats": USUAL_NATS}
# A value at the edge between two integers may fall on either side, and move what follows by a step.
INT8_TOLERANCE = {"mean": 0.05, "logvar": 0.05, "z": 1e-4, "images": 0.1, "logits": 0.5, "nats": 1.0}


def golden_size(config: Config, footprints: Mapping[str, Footprint]) -> tuple[int, int]:
    """Images and draws of the golden vectors of these graphs; int8 graphs, which take longer, may follow them."""
    for images, draws in SIZES:
        work = replay_work(footprints, config.image_shape, config.latent_size, images, draws)
        if 2 * work <= MOST_REPLAY and 4 * images * 4 * math.prod(config.image_shape) <= GOLDEN_BYTES:
            break
    return images, draws


def golden_vectors(
    model: TorchVAE,
    config: Config,
    detector: Detector | None,
    *,
    methods: Sequence[str],
    count: int = 8,
    draws: int = 4,
) -> GoldenVectors:
    """What torch gives for `count` images, so that any device can check itself without torch."""
    images = likely_images(model, config, count)
    numbers = torch_numbers(model, images, draws=draws, methods=methods, detector=detector)
    eps = standard_normal(count, config.latent_size, seed=0)
    z = reparameterise(Posterior(numbers.mean, numbers.logvar), eps)
    with torch.inference_mode():
        decoded = model.likelihood.decoded(model.decode(torch.from_numpy(z)))
        prior_z = model.prior.from_noise(torch.from_numpy(eps)).numpy()
        faults = detector(torch.from_numpy(images)).numpy() if detector else None
        prior_log_prob = model.prior.log_prob(torch.from_numpy(z)).double().numpy()
    return GoldenVectors(
        images=images,
        mean=numbers.mean,
        logvar=numbers.logvar,
        eps=eps,
        z=z,
        prior_z=prior_z,
        prior_log_prob=prior_log_prob,
        decoded=decoded["images"].numpy(),
        log_likelihood=numbers.log_likelihood,
        kl=numbers.kl,
        iwae=numbers.iwae,
        scores=numbers.scores,
        draws=np.array(draws, np.int64),
        logits=decoded["logits"].numpy() if "logits" in decoded else None,
        faults=faults,
    )


def tensor_sizes(golden: GoldenVectors) -> dict[str, float]:
    """How large the golden tensors are, by the names of tolerances."""
    arrays: dict[str, list[npt.NDArray[np.floating]]] = {
        "mean": [golden.mean],
        "logvar": [golden.logvar],
        "z": [golden.prior_z],
        "images": [golden.decoded],
        "logits": [] if golden.logits is None else [golden.logits],
        "nats": [golden.log_likelihood, golden.kl, golden.iwae, golden.prior_log_prob, *golden.scores.values()],
    }
    return {name: max(float(np.abs(each).max(initial=1.0)) for each in some) for name, some in arrays.items() if some}


def scaled(tolerance: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, float]:
    """Tolerances are of numbers of a usual size; of larger ones, float32 fixes a share only."""
    return {name: tolerance[name] * max(1.0, size / USUAL_SIZE[name]) for name, size in sizes.items()}


def tolerance_of(sizes: Mapping[str, float], parity: list[Parity]) -> dict[str, float]:
    """What another machine may differ by from the golden vectors: never less than float32 leaves open here."""
    allowed = scaled(TOLERANCE, sizes)
    for item in parity:
        least = USUAL_NATS if item.tensor == "nats" else 1.0
        error = max(item.ours, item.torchs) * max(least, sizes[item.tensor])
        allowed[item.tensor] = max(allowed[item.tensor], OTHER_MACHINES * error)
    return allowed
