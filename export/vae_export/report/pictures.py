"""Pictures inside the page: blocks of a few columns, which stand side by side on a screen and one by one on a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from vae_runtime import from_uint8, image_grid, to_uint8

from .html import Markup, tag, void

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

COARSE = 48  # pixels of the longer side: smaller images are shown as their pixels, and more in a row
QUALITY = 90  # of WebP, which colour pictures are kept as


def blocks(images: Float32 | UInt8, rows: int, describe: Callable[[int, int], str]) -> Markup:
    """Images [count, channels, height, width] in blocks of so many rows; describe(first, last) is a block's alt."""
    shown = from_uint8(images) if images.dtype == np.uint8 else images
    columns = _columns(images.shape)
    each = columns * rows
    parts = [
        picture(
            image_grid(shown[first : first + each], columns=columns), describe(first, min(first + each, len(shown)))
        )
        for first in range(0, len(shown), each)
    ]
    return tag("div", *parts, class_=_class("blocks", images.shape))


def pairs(originals: Float32, remade: Float32, describe: Callable[[int, int], str]) -> Markup:
    """Images over what became of them."""
    columns = _columns(originals.shape)
    parts = []
    for first in range(0, len(originals), columns):
        some = originals[first : first + columns]
        grid = image_grid(np.concatenate([some, remade[first : first + columns]]), columns=len(some))
        parts.append(picture(grid, describe(first, first + len(some))))
    return tag("div", *parts, class_=_class("blocks", originals.shape))


def picture(image: Float32, alt: str, class_: str | None = None) -> Markup:
    """One image [channels, height, width] in [0, 1]."""
    pixels = to_uint8(image)
    return pillow(Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)), alt, class_)


def pillow(image: Image.Image, alt: str, class_: str | None = None) -> Markup:
    """A Pillow image: grey as PNG, which is exact, colour as WebP, which is small."""
    kind, buffer = ("png" if image.mode == "L" else "webp"), io.BytesIO()
    image.save(buffer, kind, **({"optimize": True} if kind == "png" else {"quality": QUALITY}))
    content = base64.b64encode(buffer.getvalue()).decode()
    source = f"data:image/{kind};base64,{content}"
    return void("img", src=source, alt=alt, width=image.width, height=image.height, class_=class_)


def is_coarse(shape: tuple[int, ...]) -> bool:
    """Whether images of this shape are so small that smoothing them would only blur."""
    return max(shape[-2:]) < COARSE


def _columns(shape: tuple[int, ...]) -> int:
    """Of a block: as many as a phone shows well."""
    return 6 if is_coarse(shape) else 4


def _class(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} coarse" if is_coarse(shape) else name
