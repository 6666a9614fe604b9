"""Faults drawn into normal images, so that a network can learn to find faults where nobody has pictures of any.

Normal images are all that there is to learn from. What stands out of them is drawn: a blot, a spot, a scratch or a
corner, filled with another texture, another brightness, no texture, or too much of it. The idea is that of CutPaste (Li
et al. 2021) and DRAEM (Zavrtanik et al. 2021), here without any pictures from elsewhere.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CLEAN = 0.3  # share of the images that stay as they are
LEAST_CHANGE = 0.015  # of grey levels in [0, 1]: what changes less is no fault
TEXTURE = 9  # pixels: a mean over this window is brightness, the rest texture
SCRATCH_POINTS = 20


def draw_faults(images: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one kind of fault into each of images [batch, channels, height, width] in [0, 1], seeded by the generator.

    Returns the images, and bool [batch, 1, height, width]: where the faults are. Three in ten stay clean.
    """
    chance = _Chance(len(images), images.device, noise)
    shape = chance.pick(4)
    masks = [draw(chance, images.shape[2], images.shape[3]) for draw in (_blots, _spots, _scratches, _corners)]
    mask = _choose(masks, shape)
    thin = (shape == 1) | (shape == 2)
    fill = torch.where(thin, 1 + chance.pick(2), chance.pick(4))  # a spot or scratch too small to show a texture
    filled = _choose(_fills(images, chance), fill)
    faulty = (images * (1 - mask) + filled * mask).clamp(0, 1)
    change = F.avg_pool2d((faulty - images).abs().mean(1, keepdim=True), 5, 1, 2)
    where = (mask > 0.4) & ((change > LEAST_CHANGE) | (fill == 3)[:, None, None, None])
    clean = chance.uniform() < CLEAN
    return torch.where(clean, images, faulty), where & ~clean


class _Chance:
    """Numbers of a batch's images, all from one generator."""

    def __init__(self, batch: int, device: torch.device, noise: torch.Generator) -> None:
        self.batch, self.device, self.noise = batch, device, noise

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """[batch, 1, 1, 1]"""
        return low + (high - low) * torch.rand(self.batch, 1, 1, 1, device=self.device, generator=self.noise)

    def normal(self, *shape: int) -> Tensor:
        """[batch, …]"""
        return torch.randn(self.batch, *shape, device=self.device, generator=self.noise)

    def pick(self, count: int) -> Tensor:
        """[batch], whole numbers from 0."""
        return torch.randint(count, (self.batch,), device=self.device, generator=self.noise)

    def one(self, low: int, high: int) -> int:
        """One whole number for the whole batch."""
        return int(torch.randint(low, high + 1, (1,), device=self.device, generator=self.noise))


def _choose(options: list[Tensor], which: Tensor) -> Tensor:
    """Of several [batch, …] the one that each image asks for."""
    return torch.stack(options)[which, torch.arange(len(which), device=which.device)]


def _blots(chance: _Chance, height: int, width: int) -> Tensor:
    """Where smooth noise is high."""
    margin = 8
    coarse = chance.normal(1, chance.one(4, 18), chance.one(4, 18))
    smooth = F.interpolate(coarse, (height + 2 * margin, width + 2 * margin), mode="bicubic", align_corners=False)
    smooth = smooth[:, :, margin:-margin, margin:-margin]
    smooth = smooth / smooth.std((2, 3), keepdim=True)
    return ((smooth - chance.uniform(0.8, 2.0)) / chance.uniform(0.01, 0.16)).sigmoid()


def _spots(chance: _Chance, height: int, width: int) -> Tensor:
    """An ellipse with half axes of 1 to 6 pixels, small ones more often."""
    x, y = _turned(chance, height, width, turn=torch.ones(chance.batch, 1, 1, 1, device=chance.device))
    long = 1 + 5 * chance.uniform() ** 2
    radius = ((x / long) ** 2 + (y / (long * chance.uniform(0.4, 1.0))) ** 2).sqrt()
    return ((1 - radius) * 4).sigmoid()


def _scratches(chance: _Chance, height: int, width: int) -> Tensor:
    """A line that wanders, 0.5 to 1.7 pixels to each side."""
    down, across = _grid(height, width, chance.device)
    direction = chance.uniform(0, 2 * math.pi)[:, :, 0, 0] + 0.35 * chance.normal(SCRATCH_POINTS).cumsum(1)
    step = chance.uniform(0.15, 1.15)[:, :, 0, 0] * max(height, width) / SCRATCH_POINTS
    ends = []
    for way, side in ((direction.sin(), height), (direction.cos(), width)):
        line = (way * step).cumsum(1)
        line = line - line.mean(1, keepdim=True) + chance.uniform(0, side)[:, :, 0, 0]
        ends += [line[:, :-1, None, None], line[:, 1:, None, None]]
    from_y, to_y, from_x, to_x = ends
    along_y, along_x = to_y - from_y, to_x - from_x
    share = ((down - from_y) * along_y + (across - from_x) * along_x) / (along_y**2 + along_x**2 + 1e-6)
    share = share.clamp(0, 1)
    distance = (down - from_y - share * along_y) ** 2 + (across - from_x - share * along_x) ** 2
    return (-distance.amin(1, keepdim=True) / (0.5 + 1.2 * chance.uniform() ** 2) ** 2).exp()


def _corners(chance: _Chance, height: int, width: int) -> Tensor:
    """A rectangle, every second one turned, that may lie half outside."""
    x, y = _turned(chance, height, width, turn=(chance.uniform() < 0.5).float())
    half_width, half_height = chance.uniform(0.05, 0.5) * width, chance.uniform(0.05, 0.5) * height
    inside = 1 - torch.maximum((x / half_width).abs(), (y / half_height).abs())
    return (inside * torch.minimum(half_width, half_height) / chance.uniform(0.3, 1.3)).sigmoid()


def _turned(chance: _Chance, height: int, width: int, *, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates around a random middle, x and y, turned by a random angle where `turn` is 1."""
    down, across = _grid(height, width, chance.device)
    y, x = down - chance.uniform(0, height), across - chance.uniform(0, width)
    angle = turn * chance.uniform(0, math.pi)
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def _grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    down, across = torch.arange(height, device=device), torch.arange(width, device=device)
    return down[:, None].float(), across[None, :].float()


def _fills(images: Tensor, chance: _Chance) -> list[Tensor]:
    """What a fault may consist of: another image, another brightness, no texture, another strength of texture."""
    brightness = F.avg_pool2d(images, TEXTURE, 1, TEXTURE // 2, count_include_pad=False)
    level = brightness.mean((1, 2, 3), keepdim=True)
    other = images.roll(1, 0)
    other = torch.where(chance.uniform() < 0.5, other.flip(3), other)
    other = other / other.mean((1, 2, 3), keepdim=True).clamp(min=1e-3) * level * chance.uniform(0.7, 1.3)
    change = torch.where(chance.uniform() < 0.65, -1.0, 1.0) * chance.uniform(0.08, 0.68)
    strength = torch.where(chance.uniform() < 0.5, chance.uniform(0, 0.4), chance.uniform(1.8, 3.8))
    return [other, images * (1 + change), brightness * (1 + change), brightness + (images - brightness) * strength]
