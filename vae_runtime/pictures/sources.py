"""What a picture may come as: a path, bytes, an open binary file of any kind, a Pillow image."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from PIL import Image

from ..errors import InputError

LIMIT_BYTES = 64 * 2**20
_PIECE = 2**20  # read at once: what is read lies in memory twice for a moment


class Readable(Protocol):
    """What can be read from: an open file, BytesIO, GzipFile, SpooledTemporaryFile, an upload's file, a response."""

    def read(self, size: int, /) -> bytes | None:
        """Up to so many bytes; nothing at the end."""


Source = str | os.PathLike[str] | bytes | Readable | Image.Image


def name_of(source: object, otherwise: str) -> str:
    """What a source is called in a message: its path, the name that an upload or file carries, or `otherwise`."""
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    # Of uploads the first is the file's, the second may be the form field's. GzipFile's first one only warns.
    for name in (getattr(source, "__dict__", {}).get("filename"), getattr(source, "name", None)):
        if isinstance(name, (str, os.PathLike)) and str(name):  # not None or a number, as files without a name have
            return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in str(name))
    return otherwise


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | bytes | Readable, name: str) -> Iterator[tuple[BinaryIO, int]]:
    """A source as a file that can be sought in, and how many bytes of it are held in memory for that.

    What cannot be read is an InputError that names it; what is larger than the limit is not read to its end.
    """
    with contextlib.ExitStack() as stack:
        try:
            file, held = _file(source, name, stack)
            size = file.seek(0, os.SEEK_END)
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"{name} cannot be read ({error.strerror or error}).") from None
        except (AttributeError, TypeError):
            raise _no_source(source) from None
        except ValueError as error:  # a closed file, or a path that no system takes
            raise InputError(f"{name!a} cannot be read ({error}).") from None
        if size > LIMIT_BYTES:
            raise InputError(f"{name} has more than {LIMIT_BYTES:,} bytes, the limit for one picture.")
        yield file, held


def is_pixels(value: Any) -> bool:
    """Whether a value is an array of numbers, or a tensor; an array of paths is not."""
    named = isinstance(value, (str, bytes))
    return hasattr(value, "__array__") and not named and getattr(value.dtype, "kind", "f") not in "OSU"


def _file(source: Any, name: str, stack: contextlib.ExitStack) -> tuple[BinaryIO, int]:
    if isinstance(source, bytes):
        return io.BytesIO(source), 0  # shares them
    if isinstance(source, (str, os.PathLike)):
        source = stack.enter_context(open(source, "rb"))  # noqa: SIM115  # the stack closes it
        if stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            return source, 0
    content = _read(source, name)
    return content, content.tell()


def _read(file: Readable, name: str) -> io.BytesIO:
    """All there is, up to one byte over the limit; a pipe or socket may give it in pieces."""
    content = io.BytesIO()
    while (left := LIMIT_BYTES + 1 - content.tell()) > 0 and (part := file.read(min(left, _PIECE))):
        if hasattr(part, "__await__"):
            getattr(part, "close", bool)()  # else Python warns that nobody waited for it
            raise InputError(f"{name} must be awaited; give its bytes, await upload.read(), or its file, upload.file.")
        content.write(part)
    return content


def _no_source(source: object) -> InputError:
    kind = type(source).__name__
    if is_pixels(source):
        shape = f"{source.dtype} {list(source.shape)}"  # type: ignore[attr-defined]
        return InputError(
            f"a picture is given as {kind} ({shape}), which needs no reading; give Image.fromarray(array) of uint8 "
            "[height, width] or [height, width, 3], or use from_uint8(array) if it has the model's own shape."
        )
    return InputError(f"a picture is given as {kind}; expected a path, bytes, an open binary file or a Pillow image.")
