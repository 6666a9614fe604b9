"""What a picture may come as: a path, bytes, an open binary file of any kind, a Pillow image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from ..errors import InputError
from ..printable import printable

LIMIT_BYTES = 64 * 2**20


class Readable(Protocol):
    """What can be read from: an open file, BytesIO, GzipFile, SpooledTemporaryFile, an upload's file, a response."""

    def read(self, size: int, /) -> bytes | None:
        """Up to so many bytes; nothing at the end."""


Source = str | os.PathLike[str] | bytes | Readable | Image.Image


def name_of(source: object, otherwise: str) -> str:
    """What a source is called in a message: its path, the name that an upload or file carries, or `otherwise`."""
    if isinstance(source, (str, os.PathLike)):
        return printable(source)
    # Of uploads the first is the file's, the second may be the form field's. GzipFile's first one only warns.
    for name in (getattr(source, "__dict__", {}).get("filename"), getattr(source, "name", None)):
        if isinstance(name, (str, os.PathLike)) and str(name):  # not None or a number, as files without a name have
            return printable(name)
    return otherwise


def content_of(source: str | os.PathLike[str] | bytes | Readable, name: str) -> bytes:
    """All bytes of a source, or an InputError that names it; what is larger than the limit is not read to its end."""
    try:
        if isinstance(source, bytes):
            content = source
        elif isinstance(source, (str, os.PathLike)):
            with Path(source).open("rb") as file:
                content = _read(file, name)
        else:
            content = _read(source, name)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror or error}).") from None
    except (AttributeError, TypeError):
        raise _no_source(source) from None
    except ValueError as error:  # a closed file, or a path that no system takes
        raise InputError(f"{name!a} cannot be read ({error}).") from None
    if len(content) > LIMIT_BYTES:
        raise InputError(f"{name} has more than {LIMIT_BYTES:,} bytes, the limit for one picture.")
    return content


def is_pixels(value: Any) -> bool:
    """Whether a value is an array of numbers, or a tensor; an array of paths is not."""
    named = isinstance(value, (str, bytes))
    return hasattr(value, "__array__") and not named and getattr(value.dtype, "kind", "f") not in "OSU"


def _read(file: Readable, name: str) -> bytes:
    """All there is, up to one byte over the limit; a pipe or socket may give it in pieces."""
    content = bytearray()
    while len(content) <= LIMIT_BYTES and (part := file.read(LIMIT_BYTES + 1 - len(content))):
        if hasattr(part, "__await__"):
            getattr(part, "close", bool)()  # else Python warns that nobody waited for it
            raise InputError(f"{name} must be awaited; give its bytes, await upload.read(), or its file, upload.file.")
        content += part
    return bytes(content)


def _no_source(source: object) -> InputError:
    kind = type(source).__name__
    if is_pixels(source):
        shape = f"{source.dtype} {list(source.shape)}"  # type: ignore[attr-defined]
        return InputError(
            f"a picture is given as {kind} ({shape}), which needs no reading; give Image.fromarray(array) of uint8 "
            "[height, width] or [height, width, 3], or use from_uint8(array) if it has the model's own shape."
        )
    return InputError(f"a picture is given as {kind}; expected a path, bytes, an open binary file or a Pillow image.")
