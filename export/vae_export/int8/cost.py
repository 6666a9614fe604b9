"""What int8 costs: nats of the ELBO beside float32, with the same noise, and how near its reconstructions come."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.config import Config
from vae_train.data.datasets import Dataset
from vae_train.measure.evaluate import binarise

from vae_runtime import VAE, from_uint8

LEAST_SQUARE = 1e-12  # of a difference: reconstructions that are the same have 120 dB

Float32 = npt.NDArray[np.float32]


class Cost(NamedTuple):
    """Means over held-out images: nats of ELBO that int8 loses, their standard error, and dB of its reconstructions."""

    nats: float
    standard_error: float
    psnr: float
    images: int

    def figures(self) -> dict[str, float]:
        """As a manifest's `training` has them, with `int8_` before each name."""
        return {
            "elbo_loss_nats": round(self.nats, 4),
            **({"elbo_loss_standard_error": round(self.standard_error, 4)} if self.images > 1 else {}),
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
    lost = float32.elbo(images).value - int8.elbo(images).value
    error = float(lost.std(ddof=1) / math.sqrt(len(lost))) if len(lost) > 1 else math.inf
    return Cost(float(lost.mean()), error, psnr(float32.reconstruct(images), int8.reconstruct(images)), len(lost))


def psnr(images: Float32, others: Float32) -> float:
    """Peak signal-to-noise ratio of two sets of images in [0, 1], dB."""
    return float(-10 * np.log10(max(np.mean((images - others) ** 2), LEAST_SQUARE)))
