"""Picture files, streams and Pillow images to arrays: an allow-list, one documented rule for each odd case.

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

A Pillow image is held to the same rules, but for its file's format and bytes, which it may not have. One in mode "I" is
32-bit unless Pillow made it of a PNG. Of a PNG that was loaded before, the depth is no longer known, and one
transparent colour is refused.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import InputError
from ..spec import ImageSpec
from .fitting import fit_picture
from .pixels import from_uint8
from .sources import Source, content_of, is_pixels, name_of

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
LIMIT_PIXELS = 64 * 10**6
BACKGROUND = (255, 255, 255)  # what shows through where a picture is transparent

_ONE = (str, os.PathLike, bytes, bytearray, Image.Image)  # and no iterable of sources
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


def read_images(sources: Source | Iterable[Source], spec: ImageSpec) -> npt.NDArray[np.float32]:
    """Read pictures and fit each to `spec` (a model's is `vae.manifest.image`), deterministic.

    sources: a path, bytes, an open binary file (anything with `read`) or a Pillow image, or an iterable of such, mixed
    as they come. Returns float32 [batch, channels, height, width] in [0, 1]. A source that is no readable picture is an
    InputError that names it, by its place among the sources where it has no name.
    """
    if not isinstance(spec, ImageSpec):
        raise InputError(f"spec is a {type(spec).__name__}; expected an ImageSpec, such as vae.manifest.image.")
    if isinstance(sources, _ONE) or hasattr(sources, "read") or is_pixels(sources) or not isinstance(sources, Iterable):
        pixels = [fit_picture(read_picture(sources), spec)]  # type: ignore[arg-type]
    else:
        pixels = [
            fit_picture(read_picture(source, unnamed=f"sources[{number}]"), spec)
            for number, source in enumerate(sources)
        ]
    return from_uint8(np.stack(pixels) if pixels else np.empty((0, *spec.shape), np.uint8))


def read_picture(source: Source, *, unnamed: str = "the input") -> Image.Image:
    """Read one picture by the rules above; returns a Pillow image of mode "L" or "RGB", upright."""
    name = name_of(source, unnamed)
    if isinstance(source, Image.Image):
        return _read_image(source, name)
    content = content_of(source, name)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return _decoded(picture, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is {_kind(content)}; expected a picture as PNG, JPEG, WebP or BMP.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name} has too many pixels; the limit is {LIMIT_PIXELS:,}. Make it smaller.") from None
    except (OSError, *_DAMAGE) as error:
        raise InputError(f"{name} is cut off or damaged ({error}); copy or save it again.") from None


def _read_image(picture: Image.Image, name: str) -> Image.Image:
    """The same of an image that Pillow has opened or made; opened, it may have read nothing but the header."""
    try:
        return _decoded(picture, name)
    except InputError:
        raise
    except (OSError, AttributeError, AssertionError, *_DAMAGE) as error:  # the middle two where its file is closed
        if isinstance(error, (AttributeError, AssertionError)) or "closed" in str(error):
            raise InputError(f"{name} is closed; call its load() before, or give the file.") from None
        raise InputError(f"{name} is cut off or damaged ({error}); copy or save it again.") from None


def _decoded(picture: Image.Image, name: str) -> Image.Image:
    _check(picture, name)
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    return _to_eight_bits(upright, name)


def _check(picture: Image.Image, name: str) -> None:
    """What the header alone can refuse."""
    width, height = picture.size
    if not width * height:
        raise InputError(f"{name} is {width}x{height}; it has no pixels.")
    if width * height > LIMIT_PIXELS:
        raise InputError(f"{name} is {width}x{height}; the limit is {LIMIT_PIXELS:,} pixels. Make it smaller.")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise InputError(f"{name} has {frames} frames; expected a still picture. Save the one you mean.")
    if picture.format == "PNG" and "transparency" in picture.info and _may_be_reduced(picture):
        raise InputError(f"{name} has one transparent colour and not 8 bits a channel; save it with an alpha channel.")
    if picture.mode not in (*_DIRECT, *_ALPHA, *_DEEP, "1", "P", "I"):
        raise InputError(f"{name} has the colour mode {picture.mode}; save it as grey or RGB with 8 or 16 bits.")
    # Mode "I" is what Pillow makes of 16-bit PNGs in older versions, and of real 32-bit data, which has no known scale.
    if picture.mode == "I" and picture.format != "PNG":
        raise InputError(f"{name} holds 32-bit integers; save it as grey or RGB with 8 or 16 bits.")


def _may_be_reduced(picture: Image.Image) -> bool:
    """Whether what is transparent in a PNG may be told at another depth than its pixels; once loaded, nobody knows."""
    tiles = getattr(picture, "tile", [])
    return tiles[0][3] in _REDUCED if tiles else picture.mode in _DIRECT


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
