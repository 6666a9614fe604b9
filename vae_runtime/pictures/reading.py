"""Picture files and streams to arrays: an allow-list of formats, one documented rule for each odd case.

| case | rule |
|---|---|
| PNG, JPEG, WebP, BMP | read; anything else is refused, by content and not by name |
| EXIF orientation | applied |
| alpha, a palette with transparency, or one transparent colour | composited on white |
| one transparent colour in 2-bit or 4-bit grey or in 16-bit colour | refused: Pillow takes another for it |
| 16-bit grey | scaled to 8 bits: (v * 255 + 32767) // 65535, never clipped; a transparent value is not looked at |
| 16-bit colour, or with alpha | the high byte of each value |
| 1-bit, palette | expanded |
| MPO: a JPEG that carries further pictures | its first picture, which is the photograph |
| more than one frame | refused |
| CMYK, YCbCr outside JPEG, LAB, HSV, 32-bit integer, float | refused |
| cut off, damaged | refused, wherever the decoder can tell |
| over 64 MiB or 64 megapixels | refused before decoding |
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ..errors import InputError
from ..spec import ImageSpec
from .fitting import fit_picture
from .pixels import from_uint8

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
LIMIT_BYTES = 64 * 2**20
LIMIT_PIXELS = 64 * 10**6
BACKGROUND = (255, 255, 255)  # what shows through where a picture is transparent

_DIRECT = ("L", "RGB")
_ALPHA = ("LA", "La", "RGBA", "RGBa", "PA")
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
# What Pillow's decoders raise on damaged content, besides OSError; warnings only where the host makes errors of them.
_DAMAGE = (
    ValueError,
    SyntaxError,
    RuntimeError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Warning,
)
# How a PNG stores what Pillow reduces to 8 bits without reducing the colour that stands for transparent.
_REDUCED = ("L;2", "L;4", "RGB;16B")

Source = str | os.PathLike[str] | bytes | BinaryIO


def read_images(sources: Source | Iterable[Source], spec: ImageSpec) -> npt.NDArray[np.float32]:
    """Read pictures and fit each to `spec` (a model's is `vae.manifest.image`), deterministic.

    sources: a path, bytes or open binary file, or an iterable of them. Returns float32 [batch, channels, height, width]
    in [0, 1]. A source that is no readable picture is an InputError that names it.
    """
    one = isinstance(sources, (str, os.PathLike, bytes, bytearray)) or hasattr(sources, "read")
    many = sources if isinstance(sources, Iterable) and not one else [sources]
    pixels = [fit_picture(read_picture(source), spec) for source in many]  # type: ignore[arg-type]
    return from_uint8(np.stack(pixels) if pixels else np.empty((0, *spec.shape), np.uint8))


def read_picture(source: Source) -> Image.Image:
    """Read one picture by the rules above; returns a Pillow image of mode "L" or "RGB", upright."""
    name, content = _content(source)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _check(picture, name)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return _to_eight_bits(upright, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is {_kind(content)}; expected a picture as PNG, JPEG, WebP or BMP.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name} has too many pixels; the limit is {LIMIT_PIXELS:,}. Make it smaller.") from None
    except (OSError, *_DAMAGE) as error:
        raise InputError(f"{name} is cut off or damaged ({error}); copy or save it again.") from None


def _content(source: Source) -> tuple[str, bytes]:
    name = str(source) if isinstance(source, (str, os.PathLike)) else str(getattr(source, "name", "the input"))
    try:
        if isinstance(source, bytes):
            content = source
        elif isinstance(source, (str, os.PathLike)):
            with Path(source).open("rb") as file:
                content = _read(file)
        else:
            content = _read(source)
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror or error}).") from None
    except (AttributeError, TypeError):
        kind = type(source).__name__
        raise InputError(f"a picture is given as {kind}; expected a path, bytes or an open binary file.") from None
    except ValueError as error:  # a closed file, or a path that no system takes
        raise InputError(f"{name!a} cannot be read ({error}).") from None
    if len(content) > LIMIT_BYTES:
        raise InputError(f"{name} has more than {LIMIT_BYTES:,} bytes, the limit for one picture.")
    return name, content


def _read(file: BinaryIO) -> bytes:
    """All there is, up to one byte over the limit; a pipe or socket may give it in pieces."""
    content = bytearray()
    while len(content) <= LIMIT_BYTES and (part := file.read(LIMIT_BYTES + 1 - len(content))):
        content += part
    return bytes(content)


def _check(picture: ImageFile.ImageFile, name: str) -> None:
    """What the header alone can refuse."""
    width, height = picture.size
    if width * height > LIMIT_PIXELS:
        raise InputError(f"{name} is {width}x{height}; the limit is {LIMIT_PIXELS:,} pixels. Make it smaller.")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise InputError(f"{name} has {frames} frames; expected a still picture. Save the one you mean.")
    if picture.format == "PNG" and "transparency" in picture.info and picture.tile[0][3] in _REDUCED:
        raise InputError(f"{name} has one transparent colour and not 8 bits a channel; save it with an alpha channel.")
    if picture.mode not in (*_DIRECT, *_ALPHA, *_DEEP, "1", "P", "I"):
        raise InputError(f"{name} has the colour mode {picture.mode}; save it as grey or RGB with 8 or 16 bits.")


def _to_eight_bits(picture: Image.Image, name: str) -> Image.Image:
    if picture.mode in _DIRECT and "transparency" not in picture.info:
        return picture.copy()
    if picture.mode in _DEEP or picture.mode == "I":
        return _from_sixteen_bits(picture, name)
    if picture.mode in _ALPHA or "transparency" in picture.info:
        grey = picture.mode in ("L", "LA", "La", "1")
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(ground, layer).convert("L" if grey else "RGB")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _from_sixteen_bits(picture: Image.Image, name: str) -> Image.Image:
    values = np.asarray(picture).astype(np.int64)
    # Mode "I" is what Pillow makes of 16-bit PNGs in older versions, and of real 32-bit data, which has no known scale.
    if picture.mode == "I" and picture.format not in (None, "PNG"):
        raise InputError(f"{name} holds 32-bit integers; save it as grey or RGB with 8 or 16 bits.")
    if values.size and not (values.min() >= 0 and values.max() <= 65535):
        raise InputError(f"{name} holds values outside 0 .. 65535; save it as grey with 8 or 16 bits.")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _kind(content: bytes) -> str:
    start = content.lstrip()[:1]
    if not content:
        return "empty"
    if start == b"<":
        return "a web page or an SVG"
    if content[:4] in (b"II*\0", b"MM\0*"):
        return "a TIFF"
    return "a GIF" if content[:3] == b"GIF" else "no picture, or in an unknown format"
