"""The golden vectors of an export, and by how much another machine may differ from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from vae_runtime import standard_normal
from vae_runtime.checks.verify import replay_work
from vae_runtime.maths.posterior import Posterior, reparameterise
from vae_runtime.model.contents import Manifest
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.limits import GOLDEN_BYTES, MOST_REPLAY
from vae_runtime.model.memory import Footprint

from ..torch_side import TorchSide, decoded
from .parity import USUAL_NATS, Parity
from .torch_numbers import torch_numbers

Float32 = npt.NDArray[np.float32]

SIZES = ((8, 4), (4, 4), (4, 2), (2, 2), (2, 1), (1, 1))  # images and draws: the first that a check has the time for
# What another processor, library version or provider may differ by: a tenth of a grey level, a hundredth of a nat.
TOLERANCE = {"mean": 1e-4, "logvar": 1e-4, "z": 1e-4, "images": 1e-4, "logits": 1e-4, "nats": 1e-2}
OTHER_MACHINES = 4.0  # times the error against float64 here: what another order of sums may give
USUAL_SIZE = {"mean": 10.0, "logvar": 10.0, "z": 10.0, "images": 1.0, "logits": 10.0, "nats": USUAL_NATS}
# A value at the edge between two integers may fall on either side, and move what follows by a step.
INT8_TOLERANCE = {"mean": 0.05, "logvar": 0.05, "z": 1e-4, "images": 0.1, "logits": 0.5, "nats": 1.0}


def golden_size(side: TorchSide, footprints: Mapping[str, Footprint]) -> tuple[int, int]:
    """Images and draws of the golden vectors of these graphs; int8 graphs, which take longer, may follow them."""
    for images, draws in SIZES:
        work = replay_work(footprints, side.image_shape, side.latent_size, images, draws)
        if 2 * work <= MOST_REPLAY and 4 * images * 4 * math.prod(side.image_shape) <= GOLDEN_BYTES:
            break
    return images, draws


def golden_vectors(side: TorchSide, manifest: Manifest, *, count: int = 8, draws: int = 4) -> GoldenVectors:
    """What torch gives for `count` images, so that any device can check itself without torch."""
    images = side.likely_images(count)
    numbers = torch_numbers(side, images, draws=draws, methods=manifest.scores, bounds=manifest.has_elbo)
    eps = standard_normal(count, side.latent_size, seed=0).reshape(count, *side.latent_shape)
    z = numbers.mean
    if numbers.logvar is not None:
        z = reparameterise(Posterior(numbers.mean, numbers.logvar), eps)
    with torch.inference_mode():
        outputs = decoded(side, torch.from_numpy(z))
        prior_z, prior_log_prob = _of_prior(side, eps, z)
        faults = side.detector(torch.from_numpy(images)).numpy() if side.detector else None
    return GoldenVectors(
        images=images,
        mean=numbers.mean,
        logvar=numbers.logvar,
        eps=eps,
        z=z,
        prior_z=prior_z,
        prior_log_prob=prior_log_prob,
        decoded=outputs["images"].numpy(),
        log_likelihood=numbers.log_likelihood,
        kl=numbers.kl,
        iwae=numbers.iwae,
        scores=numbers.scores,
        draws=np.array(draws, np.int64),
        logits=outputs["logits"].numpy() if "logits" in outputs else None,
        faults=faults,
    )


def _of_prior(side: TorchSide, eps: Float32, z: Float32) -> tuple[Float32 | None, npt.NDArray[np.float64] | None]:
    """Draws of the prior with this noise, and its density at z; None where there is none."""
    prior = side.model.prior
    if prior is None:
        return None, None
    drawn = prior.from_noise(side.flat(torch.from_numpy(eps)))
    return side.shaped(drawn).numpy(), prior.log_prob(side.flat(torch.from_numpy(z))).double().numpy()


def tensor_sizes(golden: GoldenVectors) -> dict[str, float]:
    """How large the golden tensors are, by the names of tolerances."""
    nats = (golden.log_likelihood, golden.kl, golden.iwae, golden.prior_log_prob, *golden.scores.values())
    arrays: dict[str, tuple[npt.NDArray[np.floating] | None, ...]] = {
        "mean": (golden.mean,),
        "logvar": (golden.logvar,),
        "z": (golden.prior_z,),
        "images": (golden.decoded,),
        "logits": (golden.logits,),
        "nats": nats,
    }
    there = {name: [each for each in some if each is not None] for name, some in arrays.items()}
    return {name: max(float(np.abs(each).max(initial=1.0)) for each in some) for name, some in there.items() if some}


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
