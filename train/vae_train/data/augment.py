"""Random changes of images that leave them what they are, drawn from the run's own noise."""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 1 / 16  # of a side, each way
BRIGHTNESS = 0.1


def augment(images: Tensor, kinds: tuple[str, ...], noise: torch.Generator) -> Tensor:
    """Change each of images [batch, channels, height, width] in [0, 1] by itself, seeded by the generator.

    flip: left and right, every second image. shift: by up to a sixteenth of each side, the border repeated.
    brightness: times 0.9 to 1.1.
    """
    batch, _, height, width = images.shape

    def uniform() -> Tensor:
        return torch.rand(batch, device=images.device, generator=noise)

    if "flip" in kinds:
        images = torch.where((uniform() < 0.5)[:, None, None, None], images.flip(3), images)
    if "flip-vertical" in kinds:
        images = torch.where((uniform() < 0.5)[:, None, None, None], images.flip(2), images)
    if "shift" in kinds:
        down, across = _shifted(height, uniform()), _shifted(width, uniform())
        which = torch.arange(batch, device=images.device)[:, None, None]
        images = images.permute(0, 2, 3, 1)[which, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
    if "brightness" in kinds:
        images = (images * (1 + BRIGHTNESS * (2 * uniform() - 1))[:, None, None, None]).clamp(0, 1)
    return images


def _shifted(size: int, uniform: Tensor) -> Tensor:
    """Indices [batch, size] moved by a whole number of pixels, none outside."""
    reach = max(1, round(SHIFT * size))
    offset = (uniform * (2 * reach + 1)).long() - reach
    return (torch.arange(size, device=uniform.device)[None] + offset[:, None]).clamp(0, size - 1)
