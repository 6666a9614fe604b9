"""What each step of a run learns from: which images, changed how, with which pixels drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_runtime.errors import InputError

from ..config import Config
from ..data.augment import augment
from ..data.datasets import Dataset
from ..data.pixels import to_float
from .order import Order

DEVICE_BYTES = 4 * 2**30


class Batch(NamedTuple):
    """Images float [batch, channels, height, width] in [0, 1], and where the prior is told of them labels [batch]."""

    images: Tensor
    labels: Tensor | None


class Batches:
    """The training images of a run, without those that it holds out, in an order drawn from the seed alone."""

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        images = torch.from_numpy(dataset.train_images)
        if images.numel() < DEVICE_BYTES:  # larger sets stay where they are, and go over batch by batch
            images = images.to(device)
        split = len(images) - config.validation_images
        if split < 1:
            raise InputError(
                f"--validation-images is {config.validation_images}; there are {len(images)} images to train on."
            )
        classes = len(np.unique(dataset.train_labels))
        if config.labels and config.labels != classes:
            raise InputError(f"the prior has {config.labels} labels; the data has {classes}.")
        self.images, self.held_out = images[:split], images[split:]
        self._labels = torch.from_numpy(dataset.train_labels).to(device).long() if config.labels else None
        self._device, self._order = device, Order(len(self.images), seed=config.seed)

    def steps_per_epoch(self, config: Config) -> int:
        """Steps of one epoch: as many as the config says, or as show each image once."""
        return config.epoch_steps or -(-len(self.images) // config.batch_size)

    def at(self, step: int, config: Config, noise: torch.Generator) -> Batch:
        """What a step learns from, counted from 0; seeded by the generator, which draws the changes of images."""
        size, epoch_steps = config.batch_size, self.steps_per_epoch(config)
        if config.epoch_steps:
            rows = self._order.rows(step * size, size)
        else:  # the last batch of an epoch is what is left
            epoch, begun = divmod(step, epoch_steps)
            rows = self._order.turn(epoch)[begun * size : (begun + 1) * size]
        rows = rows.to(self.images.device)
        images = to_float(self.images[rows].to(self._device))
        if config.augment:
            images = augment(images, config.augment, noise)
        return Batch(images, None if self._labels is None else self._labels[rows.to(self._device)])


def observe(images: Tensor, config: Config, noise: torch.Generator) -> Tensor:
    """The targets of a batch: pixels drawn anew as Bernoulli(grey level), but for a share of images that stays grey."""
    if config.targets == "grey":
        return images
    grey = round(config.grey_share * len(images))  # the batch is in random order already
    drawn = torch.bernoulli(images[grey:], generator=noise)
    return torch.cat([images[:grey], drawn]) if grey else drawn
