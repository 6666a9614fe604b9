"""How far a picture is from what a model takes: what fitting it to the model's shape loses or bends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from PIL import Image, ImageChops

from ..spec import ImageSpec
from .strips import Croppable, strips

SCALE, BEND = 2.0, 1.25  # how much smaller, larger or wider than the model's image a picture may be
GREY_LEVELS = 8  # by which the channels of a grey picture may differ: lossy formats store it with a tinge

COLOUR, LARGE, SMALL, BENT = "in colour", "much larger", "much smaller", "of another aspect ratio"


class KnownSizes(NamedTuple):
    """The least and greatest width and height of the pictures that a model was trained on."""

    widths: tuple[int, int]
    heights: tuple[int, int]

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> KnownSizes | None:
        """What a manifest's training says of them; None where it says nothing, or nothing sensible."""
        sides = training.get("picture_sizes")
        if not (isinstance(sides, list) and len(sides) == 4 and all(type(side) is int and side > 0 for side in sides)):
            return None
        return cls((sides[0], sides[1]), (sides[2], sides[3]))

    def are_like(self, size: tuple[int, int]) -> bool:
        """Whether a picture of [width, height] is about as large as one of them may have been."""
        return all(
            least / SCALE <= side <= most * SCALE
            for side, (least, most) in zip(size, (self.widths, self.heights), strict=True)
        )


def unlikeness(
    picture: Croppable, spec: ImageSpec, *, windows: bool = False, known: KnownSizes | None = None
) -> tuple[str, ...]:
    """What sets an "L" or "RGB" picture apart from the model's: any of COLOUR, LARGE, SMALL, BENT; deterministic.

    windows: the picture is cut at full resolution, where only its colours count. known: sizes that the model was
    trained on; what is about as large is like them, however much smaller the model's images are.
    """
    kinds = [COLOUR] if spec.mode == "L" and picture.mode == "RGB" and _coloured(picture) else []
    if windows or (known and known.are_like(picture.size)):
        return tuple(kinds)
    _, height, width = spec.shape
    across, down = picture.size[0] / width, picture.size[1] / height
    least, most = min(across, down), max(across, down)
    # A cropped picture is seen at the scale of its shorter side, a padded one at that of its longer side.
    shrunk = {"crop": least, "pad": most, "stretch": (across * down) ** 0.5}[spec.fit]
    if shrunk > SCALE:
        kinds.append(LARGE)
    elif shrunk < 1 / SCALE:
        kinds.append(SMALL)
    if spec.fit == "stretch" and most / least > BEND:
        kinds.append(BENT)
    return tuple(kinds)


def _coloured(picture: Croppable) -> bool:
    return any(_has_colour(strip) for _, strip in strips(picture))


def _has_colour(strip: Image.Image) -> bool:
    red, *others = strip.split()
    return any(ImageChops.difference(red, other).getextrema()[1] > GREY_LEVELS for other in others)  # type: ignore[operator]
