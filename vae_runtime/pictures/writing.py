"""Arrays to picture files and streams: PNG, JPEG, WebP or BMP by suffix or name; animated GIF and PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from ..coerce import as_array
from ..errors import InputError
from ..files import write_file
from .pixels import to_uint8

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
_ANIMATED = {".gif": "GIF", ".apng": "PNG"}
_LONGEST = {"JPEG": 65500, "WEBP": 16383, "GIF": 65535}  # pixels a side that the format, or its library, can hold


class Writable(Protocol):
    """What can be written to: an open binary file, BytesIO, a response."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


def write_image(
    file: str | os.PathLike[str] | Writable,
    image: npt.NDArray[Any],
    *,
    format: str | None = None,
    text: Mapping[str, str] | None = None,
) -> None:
    """Write one image, deterministic, to a path, where it appears whole or not at all, or to an open binary file.

    image: float [channels, height, width] in [0, 1], 1 channel (grey) or 3 (RGB). format: "PNG", "JPEG", "WEBP" or
    "BMP" for an open file, PNG unless told; of a path the suffix says it. `text` is stored in a PNG's tEXt chunks and
    left out of other formats.
    """
    if not isinstance(file, (str, os.PathLike)):
        _write_into(file, encode_image(image, format=_named_format("PNG" if format is None else format), text=text))
        return
    if format is not None:
        raise InputError(f"format is {format!r}, and of {file} the suffix says it; leave format out.")
    write_file(file, encode_image(image, format=picture_format(file), text=text))


def write_animation(path: str | os.PathLike[str], images: npt.NDArray[Any], *, seconds: float = 0.1) -> None:
    """Write images [frames, channels, height, width] as a looping .gif or .apng, `seconds` a frame, there and back."""
    write_file(path, encode_animation(images, path=path, seconds=seconds))


def encode_animation(images: npt.NDArray[Any], *, path: str | os.PathLike[str], seconds: float = 0.1) -> bytes:
    """Encode images as `write_animation` does for this path and return the file's bytes."""
    kind = _format(path, _ANIMATED)
    images = as_array(images, "images")
    if images.ndim != 4 or not len(images):
        raise InputError(
            f"images are {list(images.shape)}; expected [frames, channels, height, width], 1 or more frames."
        )
    frames = [_to_pil(image, kind) for image in (*images, *images[-2:0:-1])]
    buffer = io.BytesIO()
    frames[0].save(buffer, format=kind, save_all=True, append_images=frames[1:], duration=round(seconds * 1000), loop=0)
    return buffer.getvalue()


def encode_image(image: npt.NDArray[Any], *, format: str = "PNG", text: Mapping[str, str] | None = None) -> bytes:
    """Encode one image as `write_image` does and return the file's bytes."""
    return encode_picture(_to_pil(image, format), format=format, text=text)


def encode_picture(picture: Image.Image, *, format: str = "PNG", text: Mapping[str, str] | None = None) -> bytes:
    """The same of a Pillow image of mode "L" or "RGB"; one that is too large for the format is an InputError."""
    _require_room(picture.size, format)
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"pnginfo": info} if format == "PNG" else {}
    picture.save(buffer, format=format, **options)
    return buffer.getvalue()


def is_animation(path: str | os.PathLike[str]) -> bool:
    """Whether the suffix asks for an animated file."""
    return Path(path).suffix.lower() in _ANIMATED


def picture_format(path: str | os.PathLike[str]) -> str:
    """The format of a still picture that a path's suffix asks for."""
    return _format(path, _FORMATS)


def _format(path: str | os.PathLike[str], formats: Mapping[str, str]) -> str:
    suffix = Path(path).suffix
    try:
        return formats[suffix.lower()]
    except KeyError:
        raise InputError(f"{path} has the suffix {suffix!r}; expected one of {', '.join(formats)}.") from None


def _named_format(name: str) -> str:
    known = _FORMATS.get(f".{name}".lower())
    if known is None:
        raise InputError(f"format is {name!r}; expected PNG, JPEG, WEBP or BMP.")
    return known


def _write_into(file: Writable, content: bytes) -> None:
    """All of it, in pieces if the file takes no more; a full disk stays an OSError."""
    kind, left = type(file).__name__, memoryview(content)
    try:
        while left:
            taken = file.write(bytes(left))
            left = left[taken:] if isinstance(taken, int) else left[:0]
    except (AttributeError, TypeError):
        raise InputError(f"a {kind} came; expected a path, or a file that is open for binary writing.") from None
    except ValueError as error:  # closed, or open for reading
        raise InputError(f"the {kind} cannot be written to ({error}).") from None


def _to_pil(image: npt.NDArray[Any], format: str) -> Image.Image:
    image = as_array(image, "the image")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or not image.size:
        raise InputError(
            f"the image has shape {list(image.shape)}; expected [channels, height, width], 1 or 3 channels."
        )
    _require_room((image.shape[2], image.shape[1]), format)
    pixels = to_uint8(image)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _require_room(size: tuple[int, int], format: str) -> None:
    if max(size) > _LONGEST.get(format, max(size)):
        raise InputError(
            f"the image is {size[0]}x{size[1]}; {format} holds {_LONGEST[format]:,} pixels a side. Write a PNG, or "
            "fewer."
        )
