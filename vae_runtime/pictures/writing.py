"""Arrays to picture files: PNG, JPEG, WebP or BMP by suffix; animated GIF and PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from ..errors import InputError
from ..files import write_file
from .pixels import to_uint8

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
_ANIMATED = {".gif": "GIF", ".apng": "PNG"}
_LONGEST = {"JPEG": 65500, "WEBP": 16383, "GIF": 65535}  # pixels a side that the format, or its library, can hold


def write_image(
    path: str | os.PathLike[str], image: npt.NDArray[Any], *, text: Mapping[str, str] | None = None
) -> None:
    """Write one image, deterministic; the file appears whole or not at all.

    image: float [channels, height, width] in [0, 1], 1 channel (grey) or 3 (RGB). `text` is stored in a PNG's tEXt
    chunks and left out of other formats.
    """
    write_file(path, encode_image(image, format=picture_format(path), text=text))


def write_animation(path: str | os.PathLike[str], images: npt.NDArray[Any], *, seconds: float = 0.1) -> None:
    """Write images [frames, channels, height, width] as a looping .gif or .apng, `seconds` a frame, there and back."""
    kind = _format(Path(path), _ANIMATED)
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise InputError(
            f"images are {list(images.shape)}; expected [frames, channels, height, width], 1 or more frames."
        )
    frames = [_to_pil(image, kind) for image in (*images, *images[-2:0:-1])]
    buffer = io.BytesIO()
    frames[0].save(buffer, format=kind, save_all=True, append_images=frames[1:], duration=round(seconds * 1000), loop=0)
    write_file(path, buffer.getvalue())


def encode_image(image: npt.NDArray[Any], *, format: str = "PNG", text: Mapping[str, str] | None = None) -> bytes:
    """Encode one image as `write_image` does and return the file's bytes."""
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"pnginfo": info} if format == "PNG" else {}
    _to_pil(image, format).save(buffer, format=format, **options)
    return buffer.getvalue()


def is_animation(path: str | os.PathLike[str]) -> bool:
    """Whether the suffix asks for an animated file."""
    return Path(path).suffix.lower() in _ANIMATED


def picture_format(path: str | os.PathLike[str]) -> str:
    """The format of a still picture that a path's suffix asks for."""
    return _format(Path(path), _FORMATS)


def _format(path: Path, formats: Mapping[str, str]) -> str:
    try:
        return formats[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path} has the suffix {path.suffix!r}; expected one of {', '.join(formats)}.") from None


def _to_pil(image: npt.NDArray[Any], format: str) -> Image.Image:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[0] not in (1, 3) or not image.size:
        raise InputError(
            f"the image has shape {list(image.shape)}; expected [channels, height, width], 1 or 3 channels."
        )
    if max(image.shape) > _LONGEST.get(format, image.size):
        _, height, width = image.shape
        raise InputError(
            f"the image is {width}x{height}; {format} holds {_LONGEST[format]:,} pixels a side. Write a PNG, or fewer."
        )
    pixels = to_uint8(image)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
