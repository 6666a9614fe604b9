"""Does this machine run this model as torch did? Every hash, then the golden vectors on the asked provider."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import IntegrityError
from ..maths.noise import standard_normal
from ..model import manifest as manifests
from ..model.golden import GoldenVectors, read_golden
from ..model.integrity import read_file, unlisted_files
from ..model.limits import LARGE, Limits, limits_of, remedy
from ..model.lock import held_alone
from ..model.manifest import DETECTOR, Manifest
from ..model.memory import Footprint
from ..model.steady import again_if_replaced
from ..passes import Pass
from ..vae import VAE
from .equality import Equality, equality, runs

_PIXEL, _LATENT = 256, 1024  # what a pixel's likelihood and a latent's noise take, in multiplications of a graph


class TensorCheck(NamedTuple):
    """The largest absolute difference of one tensor from its golden values, and what the manifest allows."""

    tensor: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance


class Report(NamedTuple):
    """What `verify` found."""

    digest: str
    files_checked: int
    unlisted: list[str]
    provider: str
    tensors: list[TensorCheck]
    bits: Equality | None  # on the CPU

    @property
    def passed(self) -> bool:
        return not self.unlisted and all(check.passed for check in self.tensors)


def verify(
    folder: Path,
    *,
    providers: str | Iterable[str],
    threads: int | None,
    precision: str,
    digest: str | None = None,
    large: bool = False,
) -> Report:
    """Check a model folder, deterministic; damage is an IntegrityError, a number that is off is in the report.

    digest, large: as of `VAE.load`. A model that is replaced meanwhile is checked from the start.
    """

    def load(threads: int | None, manifest: Manifest) -> VAE:
        return VAE.load(
            folder, providers=providers, threads=threads, precision=precision, digest=manifest.digest, large=large
        )

    limits = limits_of(large=large)
    return again_if_replaced(folder, lambda: _checked(folder, load, threads, precision, digest, limits))


def _checked(
    folder: Path,
    load: Callable[[int | None, Manifest], VAE],
    threads: int | None,
    precision: str,
    digest: str | None,
    limits: Limits,
) -> Report:
    manifest = manifests.read(folder, digest=digest, limits=limits)
    for file in manifest.files:
        read_file(folder, file)
    vae = load(threads, manifest)
    expected = manifest.golden[precision]
    golden = read_golden(folder, manifest, precision)
    work = replay_work(vae._model.footprints, vae.image_shape, vae.latent_size, *golden.size)
    if work > limits.replay:
        raise IntegrityError(
            f"{expected.file.file} takes {work:,} multiplications to check, more than {limits.replay:,}; export the "
            f"model again, with fewer golden vectors. {remedy(limits, large_enough=work <= LARGE.replay)}"
        )
    tolerance = {"eps": 1e-6, **expected.tolerance}
    replayed = differences(replay(vae, golden), golden)
    tensors = [TensorCheck(name, difference, tolerance[name]) for name, difference in replayed.items()]
    provider = vae.providers[0]
    del vae  # one model in memory at a time
    bits = equality(lambda threads: load(threads, manifest), golden) if provider == "CPUExecutionProvider" else None
    with held_alone(folder):  # a model that is being written has files that are not in the manifest yet
        manifests.read(folder, digest=manifest.digest, limits=limits)
        unlisted = unlisted_files(folder, manifest)
    return Report(manifest.digest, len(manifest.files) + 1, unlisted, provider, tensors, bits)


def replay(vae: VAE, golden: GoldenVectors) -> GoldenVectors:
    """What this machine gives for the inputs of golden vectors: images, z and the count of draws, deterministic."""
    posterior = vae.encode(golden.images)
    manifest, prior = vae.manifest, vae.prior if vae.manifest.has_prior else None
    elbo = vae.elbo(golden.images, samples=int(golden.draws)) if manifest.has_elbo else None
    eps = standard_normal(len(golden.eps), vae.latent_size, seed=0)
    asked = Pass(vae._model, golden.images)
    decoded = vae._model.decode_all(golden.z, batch_size=64)
    return golden._replace(
        mean=posterior.mean,
        logvar=posterior.logvar,
        eps=eps.reshape(golden.eps.shape),
        prior_z=prior.from_noise(golden.eps, batch_size=64) if prior else None,
        prior_log_prob=prior.log_prob(golden.z, batch_size=64) if prior else None,
        decoded=decoded["images"],
        logits=decoded.get("logits"),
        log_likelihood=elbo.log_likelihood if elbo else None,
        kl=elbo.kl if elbo else None,
        iwae=elbo.iwae if elbo else None,
        scores={method: asked.score(method) for method in _known_scores(vae, golden)},
        faults=asked.faults if DETECTOR in manifest.graphs else None,
    )


def _known_scores(vae: VAE, golden: GoldenVectors) -> list[str]:
    """Those of the golden vectors that this reader can compute: of others it says nothing."""
    return [method for method in vae.manifest.scores if method in golden.scores]


def differences(replayed: GoldenVectors, golden: GoldenVectors) -> dict[str, float]:
    """The largest of each kind of tensor that a tolerance is for."""
    scores = [f"score_{method}" for method in replayed.scores]
    kinds = {
        "eps": ("eps",),
        "mean": ("mean",),
        "logvar": ("logvar",),
        "z": ("prior_z",),
        "images": ("decoded",),
        "logits": ("logits",),
        "nats": ("log_likelihood", "kl", "iwae", "prior_log_prob", "faults", *scores),
    }
    ours, expected = replayed.arrays, golden.arrays
    return {
        kind: max(_difference(ours[name], expected[name]) for name in names if name in expected)
        for kind, names in kinds.items()
        if any(name in expected for name in names)
    }


def _difference(ours: Any, expected: Any) -> float:
    difference = float(np.abs(ours.astype(np.float64) - expected).max())
    return difference if np.isfinite(difference) else float("inf")  # NaN would compare as neither more nor less


def replay_work(
    footprints: Mapping[str, Footprint],
    shape: Sequence[int],
    latent_size: int,
    images: int,
    draws: int,
) -> int:
    """How many multiplications `replay` and `equality` take at most, for so many images with so many draws each."""
    work = {role: footprint.work for role, footprint in footprints.items()}
    decoded, encoded = work["decoder"] + _PIXEL * math.prod(shape), work["encoder"]
    prior = work.get("prior_log_prob", 0) + work.get("prior_sample", 0) + _LATENT * latent_size
    faults, again = work.get(DETECTOR, 0), runs(images)
    return images * ((3 + again) * encoded + (1 + again) * faults + (draws + 2 + again) * (decoded + prior))
