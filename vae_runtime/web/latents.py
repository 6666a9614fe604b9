"""What the page must know of a model's latents: which say most, how far they go, and the plane to look at them in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..maths.gaussian import in_rows
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
    posteriors, labels = [], []
    for images in batches:
        posteriors.append(vae.encode(images))
        labels.append(vae.label_probabilities(images).argmax(axis=1) if vae.labels else np.zeros(len(images), np.int64))
    says = f"{OWN_SAMPLES} samples of the model itself"
    return Encoded(says, _joined(posteriors), vae.labels, np.concatenate(labels))


def encode_golden(vae: VAE, images: Float32) -> Encoded:
    """The images of the golden vectors, for a model that has nothing to sample from."""
    says = f"the {len(images)} images of the model's golden vectors"
    return Encoded(says, vae.encode(images), (), np.zeros(len(images), np.int64))


def encode_pictures(vae: VAE, batches: Iterable[tuple[list[str], Float32]]) -> Encoded:
    """Pictures in batches of (what they are called, images), as float32 [batch, channels, height, width]."""
    called: list[str] = []
    posteriors = []
    for part, images in batches:
        called += part
        posteriors.append(vae.encode(images))
    names = tuple(sorted(set(called)))
    labels = np.array([names.index(name) for name in called], np.int64)
    return Encoded(f"{len(called)} pictures", _joined(posteriors), names if len(names) > 1 else (), labels)


def _joined(posteriors: Sequence[Posterior]) -> Posterior:
    parts = zip(*(posterior.there.values() for posterior in posteriors), strict=True)
    return Posterior(*map(np.concatenate, parts))


class _Latents(NamedTuple):
    """Latents of pictures as rows, float64 [n, size]: means and variances, 0 of a deterministic encoder."""

    mean: Float64
    variance: Float64
    centre: Float64  # [size]
    spread: Float64  # [size], positive


def describe_latents(vae: VAE, encoded: Encoded) -> dict[str, Any]:
    """The parts `plane` and `sliders` of page.json, deterministic.

    Where the prior is standard normal its centre is 0 and its spread 1; else they are those of the encoded pictures. A
    slider is for a latent, or, of latents with several sides, for the mean of a channel (the first side).
    """
    latents = _latents(vae, encoded.posterior)
    axes = principal_axes(latents.mean - latents.centre)
    points = (latents.mean - latents.centre) @ axes.T
    shown = slice(None, None, math.ceil(len(points) / POINTS_SHOWN))
    least = 3.0 if vae.manifest.has_prior else 0.1  # nothing else says how far latents go
    return {
        "plane_says": f"Where the encoder puts {encoded.says}; "
        + (
            "the axes are the latents."
            if vae.latent_size <= 2
            else "the axes are the directions in which they differ most."
        ),
        "plane": {
            "centre": np.round(latents.centre, 6).tolist(),
            "axes": axes.tolist(),
            "limit": math.ceil(10 * max(least, 1.05 * np.abs(points).max())) / 10,
            "points": np.round(points[shown], 3).tolist(),
            "names": list(encoded.names),
            "labels": encoded.labels[shown].tolist() if encoded.names else [],
        },
        "sliders": _sliders(vae, latents),
    }


def _latents(vae: VAE, posterior: Posterior) -> _Latents:
    mean = in_rows(posterior.mean).astype(np.float64)
    logvar = posterior.logvar
    variance = np.zeros_like(mean) if logvar is None else np.exp(in_rows(logvar).astype(np.float64))
    if isinstance(vae.prior, StandardNormalPrior):
        return _Latents(mean, variance, np.zeros(vae.latent_size), np.ones(vae.latent_size))
    spread = np.sqrt(mean.var(axis=0) + variance.mean(axis=0))
    return _Latents(mean, variance, mean.mean(axis=0), np.where(spread > 0, spread, 1.0))


def _sliders(vae: VAE, latents: _Latents) -> list[dict[str, Any]]:
    """One for each latent or channel, the one first that says most nats of a picture: the posterior's KL on average.

    Without a posterior the one in which pictures differ most.
    """
    groups = (vae.latent_shape[0], -1)
    mean, variance, centre, spread = latents
    means = mean.reshape(len(mean), *groups).mean(axis=2)
    differ = np.sqrt(
        means.var(axis=0) + variance.reshape(len(mean), *groups).mean(axis=(0, 2)) / (mean.shape[1] // groups[0])
    )
    middle, reach = centre.reshape(groups).mean(axis=1), REACH * spread
    if len(vae.latent_shape) > 1:  # by which places differ is a step that shows, also where pictures are few
        reach = np.maximum(REACH * differ, mean.reshape(len(mean), *groups).std(axis=(0, 2)))
    nats = None
    if vae.manifest.has_posterior:
        relative = variance / spread**2
        each = 0.5 * (((mean - centre) / spread) ** 2 + relative - 1 - np.log(relative)).mean(axis=0)
        nats = each.reshape(groups).sum(axis=1)
    return [
        {
            "latent": int(j),
            "kl": None if nats is None else round(float(nats[j]), 4),
            "spread": round(float(differ[j]), 4),
            "low": round(float(min(middle[j] - reach[j], means[:, j].min())), 2),
            "high": round(float(max(middle[j] + reach[j], means[:, j].max())), 2),
        }
        for j in np.argsort(-(differ if nats is None else nats), kind="stable")
    ]


def principal_axes(offsets: Float64) -> Float64:
    """Two directions, float64 [2, latent_size]: the latents themselves where there are two, else the principal axes."""
    n, size = offsets.shape
    if size <= 2:
        return np.eye(2, size)
    if n < size:  # the same from the n x n products: spatial latents have many numbers
        _, pictures = np.linalg.eigh(offsets @ offsets.T)
        combined = pictures[:, ::-1].T[:2] @ offsets
        lengths = np.linalg.norm(combined, axis=1, keepdims=True)
        directions = combined / np.where(lengths > 0, lengths, 1.0)
    else:
        _, _, directions = np.linalg.svd(offsets, full_matrices=False)
    first = np.zeros((2, size))
    first[: len(directions[:2])] = directions[:2]
    largest = np.take_along_axis(first, np.abs(first).argmax(axis=1)[:, None], axis=1)
    return first * np.where(largest < 0, -1.0, 1.0)  # a sign that does not depend on the library
