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
| over 64 MiB, 65 megapixels or 65,535 pixels a side | refused before decoding |
| over 256 MiB of memory to decode (`limits.py`) | the same |
| over 16 MiB of metadata, 1 MiB of EXIF, 65,536 parts or 100 scans (`structure.py`) | the same |

A Pillow image is held to the same rules, but for its file's format and bytes, which it may not have. One in mode "I" is
32-bit unless Pillow made it of a PNG. Of a PNG that was loaded before, the depth is no longer known, and one
transparent colour is refused.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from ..spec import ImageSpec
from .decoded import ALPHA, DEEP, DIRECT, Picture
from .fitting import fit_picture
from .limits import LIMIT_MEMORY, LIMIT_PIXELS, check_size, memory, memory_of, opens_alone
from .pixels import from_uint8
from .sources import Source, is_pixels, name_of, opened
from .structure import Structure, structure_of

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

_ONE = (str, os.PathLike, bytes, bytearray, Image.Image)  # and no iterable of sources
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
        pixels = [read_fitted(sources, spec)]  # type: ignore[arg-type]
    else:
        pixels = [read_fitted(source, spec, unnamed=f"sources[{number}]") for number, source in enumerate(sources)]
    return from_uint8(np.stack(pixels) if pixels else np.empty((0, *spec.shape), np.uint8))


def read_fitted(source: Source, spec: ImageSpec, *, unnamed: str = "the input") -> npt.NDArray[np.uint8]:
    """Read one picture and fit it to `spec`: uint8 [channels, height, width]."""
    with open_picture(source, unnamed=unnamed) as picture:
        return fit_picture(picture, spec)


@contextlib.contextmanager
def open_picture(source: Source, *, unnamed: str = "the input") -> Iterator[Picture]:
    """Decode one picture by the rules above, for as long as it is looked at; its memory is everybody's (`limits.py`).

    So do not open another one in the same thread meanwhile.
    """
    name = name_of(source, unnamed)
    with contextlib.ExitStack() as stack:
        yield _decode_image(source, name, stack) if isinstance(source, Image.Image) else _decode(source, name, stack)


def read_picture(source: Source, *, unnamed: str = "the input") -> Image.Image:
    """The same as a whole Pillow image of mode "L" or "RGB", upright; a large one takes that much more memory."""
    with open_picture(source, unnamed=unnamed) as picture:
        return picture.whole()


def _decode(source: Any, name: str, stack: contextlib.ExitStack) -> Picture:
    """A file or its bytes; what is not needed any more when `stack` is left is freed there."""
    file, held = stack.enter_context(opened(source, name))
    try:
        structure = structure_of(file, name)
        if alone := opens_alone(structure):
            stack.enter_context(memory(LIMIT_MEMORY))
        picture = Image.open(file, formats=FORMATS)
        needed = memory_of(_checked(picture, name), name, structure, held)
        if not alone:
            stack.enter_context(memory(needed))
        stack.callback(picture.close)  # before others may use its memory
        return _loaded(picture, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is {_kind(file)}; expected a picture as PNG, JPEG, WebP or BMP.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name} has too many pixels; the limit is {LIMIT_PIXELS:,}. Make it smaller.") from None
    except (OSError, *_DAMAGE) as error:
        raise InputError(f"{name} is cut off or damaged ({error}); copy or save it again.") from None


def _decode_image(picture: Image.Image, name: str, stack: contextlib.ExitStack) -> Picture:
    """An image that Pillow has opened or made; opened, it may have read nothing but the header."""
    try:
        stack.enter_context(memory(memory_of(_checked(picture, name), name, Structure(), 0)))
        return _loaded(picture, name)
    except InputError:
        raise
    except (OSError, AttributeError, AssertionError, *_DAMAGE) as error:  # the middle two where its file is closed
        if isinstance(error, (AttributeError, AssertionError)) or "closed" in str(error):
            raise InputError(f"{name} is closed; call its load() before, or give the file.") from None
        raise InputError(f"{name} is cut off or damaged ({error}); copy or save it again.") from None


def _loaded(picture: Image.Image, name: str) -> Picture:
    try:
        picture.load()
    except MemoryError:
        size = f"{picture.width}x{picture.height}"
        raise InputError(f"{name} is {size}, too large for the memory that is left here. Make it smaller.") from None
    return Picture(picture, name)


def _checked(picture: Image.Image, name: str) -> Image.Image:
    """The same picture, or what its header alone can refuse it for."""
    check_size(picture, name)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise InputError(f"{name} has {frames} frames; expected a still picture. Save the one you mean.")
    if picture.format == "PNG" and "transparency" in picture.info and _may_be_reduced(picture):
        raise InputError(f"{name} has one transparent colour and not 8 bits a channel; save it with an alpha channel.")
    if picture.mode not in (*DIRECT, *ALPHA, *DEEP, "1", "P", "I"):
        raise InputError(f"{name} has the colour mode {picture.mode}; save it as grey or RGB with 8 or 16 bits.")
    # Mode "I" is what Pillow makes of 16-bit PNGs in older versions, and of real 32-bit data, which has no known scale.
    if picture.mode == "I" and picture.format != "PNG":
        raise InputError(f"{name} holds 32-bit integers; save it as grey or RGB with 8 or 16 bits.")
    return picture


def _may_be_reduced(picture: Image.Image) -> bool:
    """Whether what is transparent in a PNG may be told at another depth than its pixels; once loaded, nobody knows."""
    tiles = getattr(picture, "tile", [])
    return tiles[0][3] in _REDUCED if tiles else picture.mode in DIRECT


def _kind(file: BinaryIO) -> str:
    file.seek(0)
    content = file.read(2**10)
    start = content.lstrip()[:1]
    if not content:
        return "empty"
    if start == b"<":
        return "a web page or an SVG"
    if content[:4] in (b"II*\0", b"MM\0*"):
        return "a TIFF"
    return "a GIF" if content[:3] == b"GIF" else "no picture, or in an unknown format"
