"""Pictures as a graph has them: channels first, channels last, or one row of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from vae_runtime.errors import InputError

CHANNELS = (1, 3)
FIRST, LAST, FLAT = "channels first", "channels last", "flat"


def layout_of(sides: Sequence[int | None], where: str) -> str:
    """How pictures lie behind the batch: `sides` as the file has them, None for open ones."""
    if len(sides) == 3:
        return LAST if sides[2] in CHANNELS and sides[0] not in CHANNELS else FIRST
    if len(sides) == 1:
        return FLAT
    raise InputError(f"{where} has {len(sides)} sides behind the batch; pictures have 3 (or 1, a row of all numbers).")


def picture_sides(sides: Sequence[int | None], layout: str) -> tuple[int, ...] | None:
    """Channels, height and width, where the file says them all."""
    ordered = [sides[axis] for axis in {FIRST: (0, 1, 2), LAST: (2, 0, 1), FLAT: ()}[layout]]
    known = tuple(side for side in ordered if side is not None)
    return known if len(known) == 3 else None


def laid_out(images: Tensor, layout: str) -> Tensor:
    """images [batch, channels, height, width] as the graph takes them."""
    if layout == FLAT:
        return images.flatten(1)
    return images.permute(0, 2, 3, 1) if layout == LAST else images


def pictures(given: Tensor, layout: str, shape: tuple[int, int, int]) -> Tensor:
    """What a graph gives as images [batch, channels, height, width]."""
    if layout == FLAT:
        return given.unflatten(1, shape)
    return given.permute(0, 3, 1, 2) if layout == LAST else given


def require_fit(sides: Sequence[int | None], layout: str, shape: tuple[int, int, int], where: str) -> None:
    """Refuse pictures of other sides than the file's."""
    own = [shape[axis] for axis in (1, 2, 0)] if layout == LAST else list(shape)
    own = [math.prod(shape)] if layout == FLAT else own
    if any(side not in (None, mine) for side, mine in zip(sides, own, strict=True)):
        raise InputError(
            f"{where} has pictures of {list(sides)}; --image-shape {','.join(map(str, shape))} is not that."
        )
