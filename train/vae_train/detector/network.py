"""The network that finds faults: local contrast in, the log-odds of a fault at each place out.

A U-Net (Ronneberger et al. 2015) that sums where the original concatenates, in operators that every engine has. All
scaling and blurring is a product with a fixed matrix from either side: exact for any shape, at the borders too.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_runtime.errors import InputError

from ..models.networks import Residual

CELL = 2  # working pixels a side
CONTRAST_SIGMAS = (6.0, 12.0)  # working pixels: of the local mean, and of the local deviation
LEAST_DEVIATION = 0.02  # of grey levels in [0, 1], about five of 256
SMOOTHING = 0.5  # cells: little, for single ones count, and a map is for people too


class DetectorConfig(NamedTuple):
    """What decides a detector, beside its data.

    reduce: the side of the squares of pixels that become one working pixel.
    """

    reduce: int
    widths: tuple[int, ...] = (24, 32, 48, 64)  # channels at 1, 1/2, 1/4 … of the cells
    steps: int = 6000
    batch_size: int = 32
    learning_rate: float = 2e-3
    seed: int = 0


class Detector(nn.Module):
    """images [batch, channels, height, width] in [0, 1] -> log-odds of a fault [batch, height, width], smoothed."""

    def __init__(self, config: DetectorConfig, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, *self.size = image_shape
        self.working = [-(-side // config.reduce) for side in self.size]
        cells = [-(-side // CELL) for side in self.working]
        if min(cells) < 2 ** (len(config.widths) - 1):
            raise InputError(
                f"images of {self.size[1]}x{self.size[0]} are too small for a detector that reduces them by "
                f"{config.reduce}; take a smaller --reduce."
            )
        self.reduction = _Both([_averages(side, config.reduce) for side in self.size])
        self.mean, self.deviation = (
            _Both([_gaussian(side, sigma) for side in self.working]) for sigma in CONTRAST_SIGMAS
        )
        self.contrast_stem = nn.Conv2d(channels, config.widths[0], 5, stride=2, padding=2)
        self.grey_stem = nn.Conv2d(channels, config.widths[0], 5, stride=2, padding=2)
        pairs = list(itertools.pairwise(config.widths))
        self.down = nn.ModuleList(nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairs)
        self.up = nn.ModuleList(nn.Conv2d(after, 4 * before, 1) for before, after in pairs)
        self.before = nn.ModuleList(_Residual(width) for width in config.widths)
        self.after = nn.ModuleList(_Residual(width) for width in config.widths[:-1])
        self.head = nn.Conv2d(config.widths[0], 1, 1)
        self.enlargement = _Both(
            [_linear(full, cell) @ _gaussian(cell, SMOOTHING) for full, cell in zip(self.size, cells, strict=True)]
        )

    def reduced(self, images: Tensor) -> Tensor:
        """Images at working size, where faults are drawn and looked for."""
        reduced: Tensor = self.reduction(images)
        return reduced

    def cells(self, reduced: Tensor) -> Tensor:
        """Log-odds [batch, 1, rows, columns], a cell of `CELL` working pixels a side each, not smoothed."""
        difference = reduced - self.mean(reduced)
        # Squares of a float32 mean may come out a little below 0 after the matrix products.
        contrast = difference / (F.relu(self.deviation(difference * difference)).sqrt() + LEAST_DEVIATION)
        x = self.before[0](self.contrast_stem(contrast) + self.grey_stem(4 * reduced - 1))
        levels = []
        for down, block in zip(self.down, list(self.before)[1:], strict=True):
            levels.append(x)
            x = block(down(x))
        for up, block, level in zip(reversed(self.up), reversed(self.after), reversed(levels), strict=True):
            larger = F.pixel_shuffle(up(x), 2)[..., : level.shape[-2], : level.shape[-1]]
            x = block(larger + level)
        log_odds: Tensor = self.head(F.relu(x))
        return log_odds

    def forward(self, images: Tensor) -> Tensor:
        log_odds: Tensor = self.enlargement(self.cells(self.reduced(images)))
        return log_odds.reshape(-1, *self.size)


def default_reduction(image_shape: tuple[int, int, int]) -> int:
    """Images of 96 pixels a side and more are looked at in squares of 2x2: sharpness that is noise goes."""
    return 2 if min(image_shape[1:]) >= 96 else 1


class _Residual(Residual):
    """x + conv(relu(conv(relu(x)))): what passes by may be negative, as log-odds are."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_2(F.relu(self.conv_1(F.relu(x))))


class _Both(nn.Module):
    """rows @ x @ columns.T for fixed matrices: one linear map of each side of an image."""

    def __init__(self, maps: list[Tensor]) -> None:
        super().__init__()
        # No weights: they follow from the shape, and are not part of a checkpoint.
        self.register_buffer("rows", maps[0], persistent=False)
        self.register_buffer("columns", maps[1].T.contiguous(), persistent=False)
        self.rows: Tensor
        self.columns: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns


def _averages(size: int, reduce: int) -> Tensor:
    """[ceil(size / reduce), size]: means of neighbours; the last of fewer."""
    rows = (torch.arange(size) // reduce)[None] == torch.arange(-(-size // reduce))[:, None]
    return rows / rows.sum(1, keepdim=True)


def _gaussian(size: int, sigma: float) -> Tensor:
    """[size, size]: a normal blur whose weights are of what lies inside."""
    places = torch.arange(size, dtype=torch.float64)
    rows = (-((places[:, None] - places) ** 2) / (2 * sigma**2)).exp()
    return (rows / rows.sum(1, keepdim=True)).float()


def _linear(size: int, cells: int) -> Tensor:
    """[size, cells]: interpolation between the middles of cells, constant beyond the outer ones."""
    places = ((torch.arange(size) + 0.5) * cells / size - 0.5).clamp(0, cells - 1)
    return (1 - (places[:, None] - torch.arange(cells)).abs()).clamp(min=0)
