"""Bytes of pixels as the numbers that networks take."""

from __future__ import annotations

from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """uint8 0 .. 255 to float32 in [0, 1], as `vae_runtime.from_uint8` does it."""
    return images.float() / 255
