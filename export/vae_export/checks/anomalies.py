"""Does a model tell its own held-out pictures from simple anomalies? Asked at every export, so no blind one ships.

The anomalies are made of the held-out pictures themselves, so that there is always something to ask with. They are
easy: a model that tells them all may still miss what matters, and one that misses any of them should not judge alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_runtime import VAE, from_uint8
from vae_runtime.maths.smoothing import window_means

MOST_PICTURES = 200
PATCHES = 4  # of each side, shuffled
BLIND = 0.8  # an AUROC below is said
METHODS = ("elbo", "reconstruction", "kl", "complexity")  # of the whole picture, the default first
FEWEST = 20  # pictures that advice can be built on
NOTICEABLE = 1 / 255  # mean difference of a pixel: anomalies that differ by less are none
AUC, PICTURES = "anomalies_auc", "anomalies_pictures"  # in a manifest's `training`

Float32 = npt.NDArray[np.float32]


class Anomalies(NamedTuple):
    """AUROC by kind of anomaly and score, and how many pictures it was asked of."""

    auc: dict[str, dict[str, float]]
    pictures: int

    def figures(self) -> dict[str, Any]:
        """As a manifest's `training` has them."""
        return {AUC: self.auc, PICTURES: self.pictures}


def tell_anomalies(vae: VAE, pictures: npt.NDArray[np.uint8]) -> Anomalies:
    """How well each score tells anomalies made of uint8 pictures [batch, channels, height, width] from them: AUROC.

    0.5 is not at all; below it, anomalies pass for more normal than the pictures. A kind that is what the pictures are
    anyway, such as constant ones of constant pictures, is left out.
    """
    some = np.linspace(0, len(pictures) - 1, min(len(pictures), MOST_PICTURES)).astype(int)
    normal = from_uint8(np.ascontiguousarray(pictures[some]))
    methods = [method for method in METHODS if method in vae.manifest.scores]
    normal_scores = {method: vae.score(normal, method=method) for method in methods}
    auc: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        if normal.shape[1] not in kind.channels:
            continue
        made = kind.make(normal, np.random.default_rng(0))
        if np.abs(made - normal).mean() < NOTICEABLE:
            continue
        auc[kind.name] = {
            method: _auroc(scores, vae.score(made, method=method)) for method, scores in normal_scores.items()
        }
    return Anomalies(auc, len(normal))


def table(anomalies: Anomalies) -> list[str]:
    """Lines for people: a row each kind of anomaly, a column each score."""
    methods = list(next(iter(anomalies.auc.values())))
    width = max(map(len, anomalies.auc))
    head = (
        f"{anomalies.pictures} held-out pictures against anomalies made of them, AUROC of each score "
        "(0.5 is not at all):"
    )
    lines = [head, " " * width + "".join(f"  {method:>14}" for method in methods)]
    for kind, aucs in anomalies.auc.items():
        lines.append(f"{kind:{width}}" + "".join(f"  {aucs[method]:14.3f}" for method in methods))
    return lines


def warnings(anomalies: Anomalies) -> list[str]:
    """A sentence for the anomalies that the default score does not tell, with the score that does best."""
    if anomalies.pictures < FEWEST:
        return [f"{anomalies.pictures} pictures are too few to say which score to trust; {FEWEST} or more would do."]
    default = next(iter(next(iter(anomalies.auc.values()))))
    said = []
    for kind in KINDS:
        aucs = anomalies.auc.get(kind.name)
        if not aucs or aucs[default] >= BLIND:
            continue
        best = max(aucs, key=lambda method: aucs[method])
        better = f"--method {best} has {aucs[best]:.2f}" if aucs[best] >= BLIND else "no other score does"
        said.append(
            f"warning: the default score, {default}, does not tell {kind.described} from the model's own pictures: "
            f"AUROC {aucs[default]:.2f}; {better}."
        )
    return said


def _auroc(normal: npt.NDArray[np.float64], made: npt.NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    kinds = np.repeat([0, 1], (len(normal), len(made)))
    return round(float(roc_auc_score(kinds, np.concatenate([normal, made]))), 3)


def _noise(images: Float32, random: np.random.Generator) -> Float32:
    return random.random(images.shape, dtype=np.float32)


def _blurred(images: Float32, random: np.random.Generator) -> Float32:
    """Means over a square of an eighth of the shorter side, an odd number of pixels."""
    window = 2 * (min(images.shape[2:]) // 16) + 3
    channels = [window_means(np.ascontiguousarray(images[:, channel]), window) for channel in range(images.shape[1])]
    return np.ascontiguousarray(np.stack(channels, axis=1))


def _other_colours(images: Float32, random: np.random.Generator) -> Float32:
    return np.ascontiguousarray(np.roll(images, 1, axis=1))


def _inverted(images: Float32, random: np.random.Generator) -> Float32:
    return 1 - images


def _constant(images: Float32, random: np.random.Generator) -> Float32:
    """The mean colour of each."""
    return np.ascontiguousarray(np.broadcast_to(images.mean(axis=(2, 3), keepdims=True), images.shape))


def _shuffled(images: Float32, random: np.random.Generator) -> Float32:
    """The patches of each in another order; what does not divide stays at the border."""
    shuffled = images.copy()
    rows, columns = images.shape[2] // PATCHES, images.shape[3] // PATCHES
    places = [(row * rows, column * columns) for row in range(PATCHES) for column in range(PATCHES)]
    for image, source in zip(shuffled, images, strict=True):
        for (top, left), number in zip(places, random.permutation(len(places)), strict=True):
            y, x = places[number]
            image[:, top : top + rows, left : left + columns] = source[:, y : y + rows, x : x + columns]
    return shuffled


class Kind(NamedTuple):
    """A way to make anomalies of pictures, for pictures of so many channels."""

    name: str
    described: str
    make: Callable[[Float32, np.random.Generator], Float32]
    channels: tuple[int, ...] = (1, 3)


KINDS = (
    Kind("noise", "noise", _noise),
    Kind("blurred", "blurred pictures", _blurred),
    Kind("other colours", "pictures with their colours exchanged", _other_colours, (3,)),
    Kind("inverted", "inverted pictures", _inverted, (1,)),
    Kind("constant", "pictures of one colour", _constant),
    Kind("shuffled", "pictures whose patches are shuffled", _shuffled),
)
