"""The pictures that measure and calibrate a model: none was fitted, and where there are enough, none chose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.config import Config
from vae_train.data.datasets import Dataset

from vae_runtime import VAE, from_uint8

ENOUGH = 20  # pictures: fewer allow no false-alarm rate of one in twenty
AT_ONCE = 64  # pictures

UInt8 = npt.NDArray[np.uint8]


class HeldOut(NamedTuple):
    """Images uint8 [count, channels, height, width] that were not fitted, and what they are called."""

    images: UInt8
    names: tuple[str, ...]
    chose: int  # how many of them, the last ones, chose the best weights
    copies: int  # that were left out, for they are pixel by pixel what was fitted

    @property
    def sentence(self) -> str:
        """How many they are, and of which kind."""
        said = f"{len(self.images):,} pictures that were not fitted"
        said += (
            f"; {self.chose:,} of them chose the best weights, for {len(self.images) - self.chose:,} alone are too few."
            if self.chose
            else " and did not choose the weights."
        )
        copies = (
            "1 more is a copy of a fitted one, and was"
            if self.copies == 1
            else f"{self.copies:,} more are copies of fitted ones, and were"
        )
        return said + (f" {copies} left out." if self.copies else "")


def held_out(config: Config, dataset: Dataset) -> HeldOut:
    """The test images; and where these are fewer than ENOUGH, those too that chose the best weights.

    Of the second the scores are a little too low: the weights, and the noise of the pixels, are the best ones for them.
    """
    fitted = len(dataset.train_images) - config.validation_images
    known = {_digest(image) for image in dataset.train_images[:fitted]}
    chosen = [number for number, image in enumerate(dataset.test_images) if _digest(image) not in known]
    split = len(dataset.train_images)
    images, names = dataset.test_images[chosen], [_name(dataset, split + number) for number in chosen]
    copies, chose = len(dataset.test_images) - len(chosen), 0
    if len(images) < ENOUGH and config.validation_images:
        others = [number for number in range(fitted, split) if _digest(dataset.train_images[number]) not in known]
        copies, chose = copies + config.validation_images - len(others), len(others)
        images = np.concatenate([images, dataset.train_images[others]])
        names += [_name(dataset, number) for number in others]
    return HeldOut(np.ascontiguousarray(images), tuple(names), chose, copies)


def batches(images: UInt8) -> Iterator[npt.NDArray[np.float32]]:
    """The same images in [0, 1], AT_ONCE at a time."""
    for first in range(0, len(images), AT_ONCE):
        yield from_uint8(np.ascontiguousarray(images[first : first + AT_ONCE]))


def scores(vae: VAE, images: UInt8, method: str) -> npt.NDArray[np.float64]:
    """Scores of uint8 images by a method of `VAE.score`, in nats: higher is stranger."""
    return np.concatenate([vae.score(batch, method=method) for batch in batches(images)])


def p_values(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The conformal p-value of each score against all others: the share that is as high, itself included."""
    ordered = np.sort(scores)
    return np.asarray((len(scores) - np.searchsorted(ordered, scores, side="left")) / len(scores))


def _name(dataset: Dataset, number: int) -> str:
    return dataset.names[number] if dataset.names else f"image {number}"


def _digest(image: UInt8) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()
