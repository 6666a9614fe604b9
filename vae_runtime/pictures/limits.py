"""What a picture may cost: the memory that it is decoded in, told from its header, and one limit for all threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from PIL import Image

from ..errors import InputError
from .strips import STRIP_PIXELS
from .structure import Structure

LIMIT_MEMORY = 256 * 2**20  # bytes, of all pictures that are decoded at one time
LIMIT_PIXELS = 65_000_000  # the photographs of 64-megapixel phones are a little larger than that
LIMIT_SIDE = 65_535
LIMIT_RUN_BYTES = 8 * 2**20  # of a BMP that is packed as run lengths

_WORKING = 96  # bytes for each pixel of a strip while it is converted, and for the rows that are made of strips
_NARROW = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # bytes a pixel; 4 of other modes
_WEBP = 16  # bytes a pixel: two canvases of libwebp, Pillow's copy of one, and its image
_RUN_LENGTHS = 16  # bytes a pixel: fewer, but Pillow reads them in Python, and takes long
_LARGE = 8 * 2**20  # bytes that are given back to the system
_SMALL = 2 * 2**20  # bytes that each thread may take beside them
_METADATA = 4  # times their size: Pillow keeps them in several places, and text in up to four bytes a letter


def check_size(picture: Image.Image, name: str) -> None:
    """Refuse a picture without pixels, or with too many."""
    width, height = picture.size
    if not width * height:
        raise InputError(f"{name} is {width}x{height}; it has no pixels.")
    if max(width, height) > LIMIT_SIDE:
        raise InputError(
            f"{name} is {width}x{height}; the limit is {LIMIT_SIDE:,} pixels a side. Cut it, or make it smaller."
        )
    if width * height > LIMIT_PIXELS:
        raise InputError(f"{name} is {width}x{height}; the limit is {LIMIT_PIXELS:,} pixels. Make it smaller.")


def memory_of(picture: Image.Image, name: str, structure: Structure, held: int) -> int:
    """The most bytes that decoding and converting an opened picture takes, `held` of its file's among them.

    Beyond the limit it is an InputError.
    """
    pixels = picture.width * picture.height
    each, kind = _NARROW.get(picture.mode, 4), ""
    if picture.format == "WEBP":
        each, kind = _WEBP, "WebP"
    elif picture.format == "BMP" and picture.info.get("compression") in (1, 2):
        each, kind = _RUN_LENGTHS, "a BMP of run lengths"
        if structure.size > LIMIT_RUN_BYTES:
            raise InputError(f"{name} is a BMP of more than {LIMIT_RUN_BYTES:,} bytes of run lengths; save it as PNG.")
    elif structure.coefficients:
        kind = "progressive JPEG"
    needed = each * pixels + _WORKING * min(pixels, STRIP_PIXELS)
    needed += structure.coefficients + structure.copied + _METADATA * structure.metadata + held
    if needed > LIMIT_MEMORY:
        advice = "Save it as PNG or ordinary JPEG, or make it smaller." if kind else "Make it smaller."
        if needed - held <= LIMIT_MEMORY:
            advice = "Give it as a file: what comes through a pipe is held in memory as well."
        raise InputError(
            f"{name} is {picture.width}x{picture.height}, and would take {-(-needed // 2**20):,} MB to decode"
            f"{f' as {kind}' if kind else ''}; the limit is {LIMIT_MEMORY // 2**20}. {advice}"
        )
    return needed


def opens_alone(structure: Structure) -> bool:
    """Whether opening a file, before its size is known, takes so much that it must have all of the memory."""
    return 2 * structure.copied + _METADATA * structure.metadata > _SMALL


class _Allowance:
    """Bytes that threads share; who asks for more than is left waits, and those who come later wait behind."""

    def __init__(self, size: int) -> None:
        self._left, self._returned, self._turn = size, threading.Condition(), threading.Lock()

    @contextlib.contextmanager
    def take(self, size: int) -> Iterator[None]:
        with self._turn, self._returned:
            self._returned.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._returned:
                self._left += size
                self._returned.notify_all()


_allowance = _Allowance(LIMIT_MEMORY)


@contextlib.contextmanager
def memory(size: int) -> Iterator[None]:
    """Wait until so many bytes are left of all pictures' memory, and hold them; do not ask twice in one thread."""
    with _allowance.take(size):
        try:
            yield
        finally:
            if size >= _LARGE:
                _give_back()


def _give_back() -> None:
    """What was freed, to the system: glibc keeps it for the thread that had it, and each of many would keep as much."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):  # another C library has no such function
            import ctypes

            ctypes.CDLL(None).malloc_trim(0)


def _renew() -> None:
    global _allowance
    _allowance = _Allowance(LIMIT_MEMORY)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # what other threads held is held by nobody there
