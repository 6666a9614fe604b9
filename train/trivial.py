"""What needs no model: the mean picture, raw bytes, PNG and lossless WebP; a model stands beside them."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .config import Config
from .data import Dataset
from .units import bits_per_dim

SOME = 5000  # images that the mean picture is taken of
PACKED = 1000  # images that are packed as PNG and WebP
MARGIN = 1e-3  # a mean pixel is no nearer to black and white than this

RAW_BYTES = 8.0  # bits a dimension

Images = npt.NDArray[np.uint8]


def mean_picture_bound(config: Config, dataset: Dataset, held_out: Images) -> float:
    """Mean log p(x) of held-out images, nats, where p is one mean picture: with one sigma, or a probability a pixel.

    Of the likelihood that the model has, so that the two compare; sigma is the best one for the held-out images.
    """
    some = np.linspace(0, len(dataset.train_images) - 1, min(len(dataset.train_images), SOME)).astype(int)
    mean = dataset.train_images[some].mean(axis=0) / 255
    x = held_out[:SOME].astype(np.float64) / 255
    numbers = math.prod(config.image_shape)
    if config.likelihood == "gaussian":
        sigma = max(float(np.sqrt(((x - mean) ** 2).mean())), 0.5 / 255)
        return -numbers * (math.log(sigma) + 0.5 * math.log(2 * math.pi) + 0.5)
    mean = mean.clip(MARGIN, 1 - MARGIN)
    return float((x * np.log(mean) + (1 - x) * np.log1p(-mean)).sum(axis=(1, 2, 3)).mean())


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
    """What a model of test pictures is set beside, bits a dimension; of Gaussian models, for others have no bytes."""
    if config.likelihood != "gaussian":
        return {}
    bound = mean_picture_bound(config, dataset, dataset.test_images)
    packed = packed_bits_per_dim(dataset.test_images)
    return {
        "mean_picture_bits_per_dim": bits_per_dim(-bound, math.prod(config.image_shape), "gaussian"),
        **{f"{kind}_bits_per_dim": bits for kind, bits in packed.items()},
    }


_LOSSLESS: dict[str, dict[str, Any]] = {"png": {"optimize": True}, "webp": {"lossless": True, "method": 6}}
