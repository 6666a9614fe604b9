"""Are mirrored pictures as likely as the pictures themselves? Held-out pictures say, before anything is trained.

Principal components of pictures together with their mirror images find held-out pictures likelier where mirroring
leaves a picture what it is, for there are twice as many to learn from; otherwise they are spent on what never comes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import Config
from ..data.datasets import Dataset
from ..models.pca import components
from ..models.shortcut import pool_for

MOST_IMAGES = 1000  # looked at, beside their mirror images
AT_ONCE = 100
LEFT_AND_RIGHT = 3  # axis of images


@torch.no_grad()
def mirrors_help(config: Config, dataset: Dataset) -> bool:
    """Whether the images that the config holds out are likelier if the others are mirrored left and right too."""
    split = len(dataset.train_images) - config.validation_images
    images, held_out = (torch.from_numpy(part) for part in np.split(dataset.train_images, [split]))
    if not len(held_out):
        return False
    rows = torch.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).long()
    seen, others = (_pooled(part, config) for part in (images[rows], held_out[:MOST_IMAGES]))
    both = torch.cat([seen, seen.flip(LEFT_AND_RIGHT)])
    plain, mirrored = (
        components(part.flatten(1), others.flatten(1), most=config.latent_size).log_prob(others.flatten(1)).mean()
        for part in (seen, both)
    )
    return bool(mirrored > plain)


def _pooled(images: Tensor, config: Config) -> Tensor:
    pool = config.linear_pool or pool_for(config.image_shape, stages=5)
    return torch.cat([F.avg_pool2d(part.float() / 255, pool) for part in images.split(AT_ONCE)])
