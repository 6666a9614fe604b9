"""What a folder of pictures is trained with where nothing else is said: from their shape, number and budget."""

from __future__ import annotations

import dataclasses
import math

from ..config import Config
from ..models.shortcut import pool_for

WIDTHS = (24, 48, 64, 96, 128)  # channels at 1/2, 1/4 … of the resolution
MINUTES = 30.0  # of training, where neither time nor epochs are given
EPOCHS = 40  # that a time is divided into: as many looks at the held-out pictures
LEAST_EPOCH_STEPS = 20
LEARNING_RATE = 5e-4
LONGEST_WARMUP_STEPS = 500
PATIENCE = 0.3  # of the epochs, without a better held-out bound
LEAST_LATENT, LARGEST_LATENT = 8, 256
PIXELS_PER_LATENT, IMAGES_PER_LATENT = 16, 2
HELD_OUT, MOST_HELD_OUT = 0.1, 500  # of the training images: they choose the best weights and the noise of pixels


def for_count(config: Config, images: int, *, at_once: int = 1) -> Config:
    """The same for so many training images, which come `at_once` from a picture.

    Fewer pictures get fewer latents, which would only learn them by heart, and smaller batches, so that there are as
    many steps in the same time.
    """
    numbers = math.prod(config.image_shape)
    latents = min(LARGEST_LATENT, numbers // PIXELS_PER_LATENT, images // IMAGES_PER_LATENT)
    held_out = max(1, min(MOST_HELD_OUT, round(HELD_OUT * images)) // at_once) * at_once
    return dataclasses.replace(
        config,
        latent_size=max(LEAST_LATENT, latents // 8 * 8),
        batch_size=min(config.batch_size, 16 if images < 2000 else 32 if images < 20_000 else 64),
        validation_images=held_out if images - held_out >= 2 * at_once else 0,
    )


def for_length(config: Config, steps: int) -> Config:
    """The same for so many steps: a warm-up that is a small part of them."""
    warmup = min(LONGEST_WARMUP_STEPS, steps // 20)
    patience = max(1, round(PATIENCE * config.epochs)) if config.patience is None else config.patience
    return dataclasses.replace(config, learning_rate_warmup_steps=warmup, patience=patience)


def for_shape(config: Config, shape: tuple[int, int, int]) -> Config:
    """A preset for pictures of this shape: pixels are measurements with a learned noise, and the network fits it.

    The convolutional one gets as many stages as bring the shorter side near 7. There is no importance weighting: what
    it wins are tenths of a nat, of thousands here. The KL has its full weight from the first step: without it the
    latents run away, and a learned noise needs no warm-up (models/likelihood.py).
    """
    stages = min(len(WIDTHS), max(2, round(math.log2(min(shape[1:]) / 7))))
    conv = config.network == "conv"
    return dataclasses.replace(
        config,
        image_shape=shape,
        linear_pool=pool_for(shape, stages) if conv else 0,
        likelihood="gaussian",
        targets="grey",
        grey_share=0.0,
        importance_share=0.0,
        kl_warmup_epochs=0.0,
        learning_rate=min(config.learning_rate, LEARNING_RATE),
        widths=WIDTHS[:stages] if conv else config.widths,
    )
