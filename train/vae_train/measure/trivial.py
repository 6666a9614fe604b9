"""What needs no model: the mean picture, raw bytes, PNG and lossless WebP; a model stands beside them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..config import Config
from ..data.datasets import Dataset
from ..models.likelihood import likelihood_of

SOME = 5000  # images that the mean picture is taken of
PACKED = 200  # images that are packed as PNG and WebP
AT_ONCE = 100  # images in memory as float64

Images = npt.NDArray[np.uint8]


def mean_picture_bound(config: Config, dataset: Dataset, held_out: Images) -> float:
    """Mean log p(x) of held-out images, nats, where p is one mean picture: with one sigma, or a probability a pixel.

    Of the likelihood that the model has, so that the two compare; sigma is the best one for the held-out images.
    """
    split = len(dataset.train_images) - config.validation_images
    some = np.linspace(0, split - 1, min(split, SOME)).astype(int)
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in _parts(dataset.train_images, some)) / (255 * len(some))
    others = _parts(held_out, np.arange(min(len(held_out), SOME)))
    return likelihood_of(config).mean_picture_log_prob(np.asarray(mean), others)


def _parts(images: Images, rows: npt.NDArray[np.int64]) -> Iterator[Images]:
    """Some rows of a set that may be larger than the memory, few at a time."""
    for first in range(0, len(rows), AT_ONCE):
        yield images[rows[first : first + AT_ONCE]]


def packed_bits_per_dim(images: Images) -> dict[str, float]:
    """Bits a dimension of images as lossless files: PNG, and WebP, headers included."""
    bits: dict[str, int] = {"png": 0, "webp": 0}
    some = images[:PACKED]
    for pixels in some:
        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        for kind, options in _LOSSLESS.items():
            buffer = io.BytesIO()
            picture.save(buffer, kind, **options)
            bits[kind] += 8 * buffer.tell()
    return {kind: count / some.size for kind, count in bits.items()}


def trivial_figures(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What a model of test pictures is set beside, bits a dimension, where its pixels are those of a file."""
    likelihood = likelihood_of(config)
    if likelihood.unit.raw_bytes is None:
        return {}
    bound = mean_picture_bound(config, dataset, dataset.test_images)
    packed = packed_bits_per_dim(dataset.test_images)
    return {
        "mean_picture_bits_per_dim": likelihood.bits_per_dim(bound, math.prod(config.image_shape)),
        **{f"{kind}_bits_per_dim": bits for kind, bits in packed.items()},
    }


_LOSSLESS: dict[str, dict[str, Any]] = {"png": {"optimize": True}, "webp": {"lossless": True, "method": 6}}
