"""What a picture must become to be a model's input: in the manifest, and obeyed by `pictures` alone."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError

MODES = {"L": 1, "RGB": 3}  # Pillow's names, and their channels
FITS = ("crop", "pad", "stretch")
RESAMPLES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


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
            raise InputError(f"image.shape is {list(self.shape)}; expected {expected} for mode {self.mode!r}.")
