"""What a model takes and what lies between its halves: the shapes of images and latents, as a manifest has them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import InputError

MODES = {"L": 1, "RGB": 3}  # Pillow's names, and their channels
FITS = ("crop", "pad", "stretch")
RESAMPLES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
MOST_LATENT_SIDES = 3


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The shape of one image and the way any picture is made to fit it.

    shape: [channels, height, width]. mode: "L" (grey) or "RGB". fit: "stretch" to the shape; "crop" the middle after
    scaling to cover it; "pad" with black after scaling to lie inside it. resample: Pillow's filter. invert: whether
    pixels become 255 - pixel first, for dark marks on light ground given to a model of light on dark.
    """

    shape: tuple[int, int, int]
    mode: str = "L"
    fit: str = "stretch"
    resample: str = "box"
    invert: bool = False

    def __post_init__(self) -> None:
        for name, given, known in (
            ("mode", self.mode, tuple(MODES)),
            ("fit", self.fit, FITS),
            ("resample", self.resample, RESAMPLES),
            ("invert", self.invert, (False, True)),
        ):
            if given not in known:
                raise InputError(f"image.{name} is {given!r}; expected one of {', '.join(map(repr, known))}.")
        sizes_are_whole = len(self.shape) == 3 and all(type(size) is int and 0 < size < 2**31 for size in self.shape)
        if not sizes_are_whole or self.shape[0] != MODES[self.mode]:
            expected = f"[{MODES[self.mode]}, height, width]"
            raise InputError(f"image.shape is {list(self.shape)!s:.60}; expected {expected} for mode {self.mode!r}.")


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """The shape of one latent, and how its maker scales latents, where a caller may want to undo it.

    shape: 1 to 3 sides, [size] or, of spatial models, [channels, height, width]. scale, shift: the graphs' latents are
    (the maker's - shift) * scale. Both lie inside the graphs already: nothing in this package applies them.
    """

    shape: tuple[int, ...]
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        sides_are_whole = all(type(side) is int and side > 0 for side in self.shape)
        if not (1 <= len(self.shape) <= MOST_LATENT_SIDES and sides_are_whole and self.size < 2**31):
            expected = f"1 to {MOST_LATENT_SIDES} whole numbers from 1, such as [40] or [4, 16, 16]"
            raise InputError(f"latent.shape is {list(self.shape)!s:.60}; expected {expected}.")
        if not (_is_number(self.scale) and 0 < self.scale < 1e300):
            raise InputError(f"latent.scale is {self.scale!r:.60s}; expected a positive number.")
        if not (_is_number(self.shift) and abs(self.shift) < 1e300):
            raise InputError(f"latent.shift is {self.shift!r:.60s}; expected a finite number.")

    @property
    def size(self) -> int:
        """How many numbers a latent has."""
        return math.prod(self.shape)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
