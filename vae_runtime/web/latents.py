"""What the page must know of a model's latents: which say most, how far they go, and the plane to look at them in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..maths.posterior import Posterior
from ..maths.prior import StandardNormalPrior
from ..pictures.pixels import from_uint8, to_uint8
from ..vae import VAE

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

OWN_SAMPLES, OWN_AT_ONCE = 512, 64
POINTS_SHOWN = 3000  # more hide each other
REACH = 3.5  # standard deviations that a slider goes to either side


class Encoded(NamedTuple):
    """Pictures after encoding: what they are, their posteriors, and which of `names` each has; no names, no labels."""

    says: str
    posterior: Posterior
    names: tuple[str, ...]
    labels: npt.NDArray[np.int64]


def own_samples(vae: VAE) -> Iterator[Float32]:
    """The model's own samples, of seed 0, for want of pictures: as pictures have them, 64 at a time."""
    for start in range(0, OWN_SAMPLES, OWN_AT_ONCE):
        yield from_uint8(to_uint8(vae.sample(OWN_AT_ONCE, seed=0, start=start)))  # a Gaussian's mean may leave [0, 1]


def encode_own_samples(vae: VAE, batches: Iterable[Float32]) -> Encoded:
    """What `own_samples` gives, with the label that is most probable for each; deterministic."""
    means, logvars, labels = [], [], []
    for images in batches:
        mean, logvar = vae.encode(images)
        means.append(mean)
        logvars.append(logvar)
        labels.append(vae.label_probabilities(images).argmax(axis=1) if vae.labels else np.zeros(len(images), np.int64))
    posterior = Posterior(np.concatenate(means), np.concatenate(logvars))
    return Encoded(f"{OWN_SAMPLES} samples of the model itself", posterior, vae.labels, np.concatenate(labels))


def encode_pictures(vae: VAE, batches: Iterable[tuple[list[str], Float32]]) -> Encoded:
    """Pictures in batches of (what they are called, images), as float32 [batch, channels, height, width]."""
    called: list[str] = []
    means, logvars = [np.empty((0, vae.latent_size), np.float32)], [np.empty((0, vae.latent_size), np.float32)]
    for part, images in batches:
        posterior = vae.encode(images)
        called += part
        means.append(posterior.mean)
        logvars.append(posterior.logvar)
    names = tuple(sorted(set(called)))
    labels = np.array([names.index(name) for name in called], np.int64)
    posterior = Posterior(np.concatenate(means), np.concatenate(logvars))
    return Encoded(f"{len(called)} pictures", posterior, names if len(names) > 1 else (), labels)


def describe_latents(vae: VAE, encoded: Encoded) -> dict[str, Any]:
    """The parts `plane` and `sliders` of page.json, deterministic.

    Where the prior is standard normal its centre is 0 and its spread 1; else they are those of the encoded pictures. A
    latent says as many nats of a picture as its posterior differs from that on average; the sliders are in this order.
    """
    mean, variance = encoded.posterior.mean.astype(np.float64), np.exp(encoded.posterior.logvar.astype(np.float64))
    if isinstance(vae.prior, StandardNormalPrior):
        centre, spread = np.zeros(vae.latent_size), np.ones(vae.latent_size)
    else:
        centre, spread = mean.mean(axis=0), np.sqrt(mean.var(axis=0) + variance.mean(axis=0))
    relative = variance / spread**2
    kl = 0.5 * (((mean - centre) / spread) ** 2 + relative - 1 - np.log(relative)).mean(axis=0)
    axes = _axes(mean - centre)
    points = (mean - centre) @ axes.T
    shown = slice(None, None, math.ceil(len(points) / POINTS_SHOWN))
    return {
        "plane_says": f"Where the encoder puts {encoded.says}; "
        + (
            "the axes are the latents."
            if vae.latent_size <= 2
            else "the axes are the directions in which they differ most."
        ),
        "plane": {
            "centre": np.round(centre, 6).tolist(),
            "axes": axes.tolist(),
            "limit": math.ceil(10 * max(3.0, 1.05 * np.abs(points).max())) / 10,
            "points": np.round(points[shown], 3).tolist(),
            "names": list(encoded.names),
            "labels": encoded.labels[shown].tolist() if encoded.names else [],
        },
        "sliders": [
            {
                "latent": int(j),
                "kl": round(float(kl[j]), 4),
                "low": round(float(min(centre[j] - REACH * spread[j], mean[:, j].min())), 2),
                "high": round(float(max(centre[j] + REACH * spread[j], mean[:, j].max())), 2),
            }
            for j in np.argsort(-kl, kind="stable")
        ],
    }


def _axes(offsets: Float64) -> Float64:
    """Two directions, float64 [2, latent_size]: the latents themselves where there are two, else the principal axes."""
    size = offsets.shape[1]
    if size <= 2:
        return np.eye(2, size)
    _, _, directions = np.linalg.svd(offsets, full_matrices=False)
    first = np.zeros((2, size))
    first[: len(directions)] = directions[:2]
    largest = np.take_along_axis(first, np.abs(first).argmax(axis=1)[:, None], axis=1)
    return first * np.where(largest < 0, -1.0, 1.0)  # a sign that does not depend on the library
