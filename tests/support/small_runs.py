"""Runs small enough to train in a test: 8x8 pictures, narrow layers."""

import dataclasses

import numpy as np
from vae_train.config import PRESETS
from vae_train.data.datasets import Dataset


def small(preset, **changes):
    """A preset on 8x8 pictures with narrow layers."""
    config = PRESETS[preset]()
    widths = {"mlp-2d": (16,), "mlp": (16, 8), "conv": (4, 6)}[preset]
    defaults = {"image_shape": (1, 8, 8), "widths": widths, "batch_size": 16, "epochs": 3, "precision": "float32"}
    return dataclasses.replace(config, **{**defaults, "learning_rate_warmup_steps": 3, **changes})


def bars():
    """Bars of random width: enough to learn something from."""
    random = np.random.default_rng(0)
    images = np.zeros((100, 1, 8, 8), np.uint8)
    for image in images:
        start, width = random.integers(0, 6), random.integers(1, 4)
        image[0, :, start : start + width] = 255
    labels = np.arange(100, dtype=np.uint8) % 2
    return Dataset(images[:70], labels[:70], images[70:], labels[70:])
