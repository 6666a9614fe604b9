"""Convolutional networks with a linear map beside them, which begins as principal components (models/pca.py).

A picture's largest shapes are linear in few numbers, and a linear map learns them from few pictures at once; the
convolutions add what is local and what is not linear. The map sees pictures pooled to a coarser grid, so that it stays
small; what it draws there goes into the decoder's stage of that grid, whose convolutions sharpen it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..config import Config

LARGEST_GRID = 6144  # numbers of a pooled picture


def pool_for(shape: tuple[int, int, int], stages: int) -> int:
    """By how much a side is pooled: the least power of 2 that leaves few enough numbers, at most a stage's grid."""
    numbers = math.prod(shape)
    return next((2**stage for stage in range(stages) if numbers <= LARGEST_GRID * 4**stage), 2**stages)


class ShortcutEncoder(nn.Module):
    """images -> mean and log-variance, joined: a head on convolutional features, plus a linear map on the mean."""

    def __init__(self, config: Config, convolutions: nn.Sequential) -> None:
        super().__init__()
        channels, height, width = config.image_shape
        pool = config.linear_pool
        *body, head = convolutions
        assert isinstance(head, nn.Linear)
        self.body, self.head = nn.Sequential(*body), head
        self.pool = nn.Sequential(nn.Flatten())
        if pool > 1:
            self.pool.insert(0, nn.Conv2d(channels, channels, pool, stride=pool))
        self.linear = nn.Linear(channels * (height // pool) * (width // pool), config.latent_size, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        mean, logvar = self.head(self.body(images)).chunk(2, dim=1)
        return torch.cat([mean + self.linear(self.pool(images)), logvar], dim=1)


class ShortcutDecoder(nn.Module):
    """z -> logits: the stages of a convolutional decoder, and a linear sketch that one of them takes in."""

    def __init__(self, config: Config, stages: list[nn.Sequential], grid: tuple[int, int], crop: nn.Module) -> None:
        """stages: from the coarsest on, the first one from z; grid: [rows, columns] of the last one's output."""
        super().__init__()
        channels, pool = config.image_shape[0], config.linear_pool
        self.pool = pool
        rows, columns = grid[0] // pool, grid[1] // pool
        self.sketch = nn.Sequential(
            nn.Linear(config.latent_size, channels * rows * columns), nn.Unflatten(1, (channels, rows, columns))
        )
        # A sketch of the image's own resolution comes in half a grid coarser: the finest stage works there.
        finest = max(2, pool)
        meets = len(stages) - round(math.log2(finest))  # how many stages come before
        width = config.widths[round(math.log2(finest)) - 1]
        self.take_in = nn.Conv2d(channels, width, 3 if pool > 1 else 4, stride=finest // pool, padding=1)
        self.coarse, self.fine = nn.Sequential(*stages[:meets]), nn.Sequential(*stages[meets:])
        self.enlarge = nn.Sequential()
        if pool > 1:
            self.enlarge.extend([nn.Conv2d(channels, channels * pool**2, 3, padding=1), nn.PixelShuffle(pool)])
        self.crop = crop

    def forward(self, z: Tensor) -> Tensor:
        sketch = self.sketch(z)
        logits = self.fine(self.coarse(z) + self.take_in(sketch)) + self.enlarge(sketch)
        cropped: Tensor = self.crop(logits)
        return cropped
