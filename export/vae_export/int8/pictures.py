"""The pictures that a search for 8-bit layers asks: those that give ranges, choose layers and tell the cost differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.config import Config
from vae_train.data.datasets import Dataset

from vae_runtime import from_uint8

from ..errors import ExportError
from .cost import held_out_images

RANGE_IMAGES, CHOICE_IMAGES, MEASURED_IMAGES = 512, 1000, 2000  # the last of the test set

Float32 = npt.NDArray[np.float32]


class Pictures(NamedTuple):
    """Each float32 [n, channels, height, width] in [0, 1], as the model meets them."""

    for_ranges: Float32
    for_choice: Float32
    held_out: Float32

    @classmethod
    def of_dataset(cls, dataset: Dataset, config: Config) -> Pictures:
        """Training images for the search, test images for the cost."""
        order = np.random.default_rng(0).permutation(len(dataset.train_images))
        if len(order) < 2:
            raise ExportError("one training image is too few to choose 8-bit layers with.")
        split = min(RANGE_IMAGES, len(order) // 2)
        rows = order[:split], order[split : split + CHOICE_IMAGES]
        ranges, choice = (_as_met(dataset, some, config) for some in rows)
        return cls(ranges, choice, held_out_images(dataset, config, most=MEASURED_IMAGES))

    @classmethod
    def of_examples(cls, examples: Float32) -> Pictures:
        """A third for each, of pictures that stand for all that the model was made for."""
        if len(examples) < 3:
            raise ExportError(f"8-bit graphs take 3 examples at least, better some hundred; there are {len(examples)}.")
        order = np.random.default_rng(0).permutation(len(examples))
        parts = zip(np.array_split(order, 3), (RANGE_IMAGES, CHOICE_IMAGES, MEASURED_IMAGES), strict=True)
        return cls(*(np.ascontiguousarray(examples[rows[:most]]) for rows, most in parts))


def _as_met(dataset: Dataset, rows: npt.NDArray[np.int64], config: Config) -> Float32:
    """Training images as they are met: half grey, half binarised where the model was trained on binary ones."""
    grey = from_uint8(dataset.train_images[rows])
    if config.targets == "grey":
        return grey
    binary = (np.random.default_rng(1).random(grey.shape) < grey).astype(np.float32)
    return np.concatenate([grey[: len(grey) // 2], binary[len(grey) // 2 :]])
