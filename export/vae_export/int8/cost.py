"""What int8 costs beside float32, by the model's measure, and how near its reconstructions come."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.config import Config
from vae_train.data.datasets import Dataset
from vae_train.measure.evaluate import binarise

from vae_runtime import VAE, from_uint8

from .measure import NATS, Measure, measure_of

LEAST_SQUARE = 1e-12  # of a difference: reconstructions that are the same have 120 dB

Float32 = npt.NDArray[np.float32]


class Cost(NamedTuple):
    """Means over held-out images: what int8 loses, the standard error of that, and dB of its reconstructions."""

    loss: float
    standard_error: float
    psnr: float
    images: int
    measure: Measure = NATS

    def figures(self) -> dict[str, float]:
        """As a manifest's `training` has them, with `int8_` before each name."""
        name = self.measure.figure.removesuffix("_nats")
        return {
            self.measure.figure: round(self.loss, 4),
            **({f"{name}_standard_error": round(self.standard_error, 4)} if self.images > 1 else {}),
            "reconstruction_psnr_db": round(self.psnr, 2),
            "test_images": self.images,
        }


def held_out_images(dataset: Dataset, config: Config, *, most: int | None = None) -> Float32:
    """Test images as `vae evaluate` takes them, grey or binarised once; all, or `most` of all parts."""
    count = len(dataset.test_images)
    some = np.unique(np.linspace(0, count - 1, min(count, most or count)).astype(int))
    grey = from_uint8(np.ascontiguousarray(dataset.test_images[some]))
    return binarise(grey, seed=0) if config.targets == "binarised" else grey


def cost(float32: VAE, int8: VAE, images: Float32) -> Cost:
    """Measure one model in both precisions, deterministic: images float32 [batch, channels, height, width]."""
    measure = measure_of(float32.manifest)
    lost = measure.lost(measure.said(float32, images), measure.said(int8, images))
    error = float(lost.std(ddof=1) / math.sqrt(len(lost))) if len(lost) > 1 else math.inf
    return Cost(
        float(lost.mean()), error, psnr(float32.reconstruct(images), int8.reconstruct(images)), len(lost), measure
    )


def psnr(images: Float32, others: Float32) -> float:
    """Peak signal-to-noise ratio of two sets of images in [0, 1], dB."""
    return float(-10 * np.log10(max(np.mean((images - others) ** 2), LEAST_SQUARE)))
