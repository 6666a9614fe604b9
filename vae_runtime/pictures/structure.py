"""The parts of a picture file, walked before Pillow, which goes through them in Python and keeps what it finds.

Only what makes a file costly is refused here; whether it is sound is the decoder's to say.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..errors import InputError

LIMIT_PARTS = 2**16  # chunks or segments: as many as 64 MiB in the shortest pieces that encoders write
LIMIT_METADATA = 16 * 2**20  # bytes that are no pixels, texts unpacked
LIMIT_EXIF = 2**20
LIMIT_SCANS = 100  # of a progressive JPEG; encoders write about ten

_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"data")
_PACKED = (b"zTXt", b"iTXt", b"iCCP")
_TEXT = 2**20  # what Pillow unpacks of each at most
_EXIF = (b"eXIf", b"EXIF", b"Exif")
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # none that restarts, and no byte that is stuffed
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Structure(NamedTuple):
    """What Pillow does not tell before it decodes; sizes are bytes."""

    size: int = 0  # of the file
    metadata: int = 0
    copied: int = 0  # of the file, which Pillow keeps of a WebP
    coefficients: int = 0  # that a JPEG of several scans is kept as until all of them are read


class _Part(NamedTuple):
    kind: bytes
    size: int
    coefficients: int = 0


def structure_of(file: BinaryIO, name: str) -> Structure:
    """Walk a file's parts; too many, or too much beside the pixels, is an InputError."""
    size = file.seek(0, 2)
    file.seek(8)
    copied = size if file.read(4) == b"WEBP" else 0
    metadata = exif = scans = coefficients = 0
    for number, part in enumerate(_parts(file), 1):
        metadata += 0 if part.kind in _PIXELS else part.size + _TEXT * (part.kind in _PACKED)
        exif += part.size * (part.kind in _EXIF)
        scans += part.kind == b"scan"
        coefficients = max(coefficients, part.coefficients)
        if number > LIMIT_PARTS:
            raise InputError(f"{name} is made of more than {LIMIT_PARTS:,} parts; open it and save it again.")
        if scans > LIMIT_SCANS:
            raise InputError(f"{name} has more than {LIMIT_SCANS} scans; save it as an ordinary JPEG.")
        if exif > LIMIT_EXIF:
            raise InputError(f"{name} has more than {LIMIT_EXIF:,} bytes of EXIF; save it without.")
        if metadata > LIMIT_METADATA:
            raise InputError(f"{name} has more than {LIMIT_METADATA:,} bytes of metadata; save it without.")
    return Structure(size, metadata, copied, coefficients)


def _parts(file: BinaryIO) -> Iterator[_Part]:
    file.seek(0)
    start = file.read(12)
    if start.startswith(b"\x89PNG"):
        return _png_chunks(file)
    if start.startswith(b"\xff\xd8"):
        return _jpeg_segments(file)
    return _webp_chunks(file) if start[8:] == b"WEBP" else iter(())


def _png_chunks(file: BinaryIO) -> Iterator[_Part]:
    file.seek(8)
    while len(header := file.read(8)) == 8 and header[4:] != b"IEND":
        size, kind = struct.unpack(">I4s", header)
        yield _Part(kind, size)
        file.seek(size + 4, 1)  # a checksum follows


def _webp_chunks(file: BinaryIO) -> Iterator[_Part]:
    while len(header := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", header)
        yield _Part(kind, size)
        file.seek(size + size % 2, 1)


def _jpeg_segments(file: BinaryIO) -> Iterator[_Part]:
    """To the end, or to the first scan if that has all of the pixels; what lies between segments comes too."""
    file.seek(2)
    frame, progressive, scanned = b"", False, False
    while segment := _next_marker(file):
        marker, skipped = segment
        if skipped:
            yield _Part(b"data" if scanned else b"junk", skipped)
        if marker == 0xD9 and scanned:
            return
        if marker in (0x01, 0xD8, 0xD9):  # these stand alone
            continue
        content = file.read(max(0, int.from_bytes(file.read(2), "big") - 2))
        if marker in _FRAMES:
            frame, progressive = content, marker in (0xC2, 0xC6, 0xCA, 0xCE)
        if marker != 0xDA:
            yield _Part(b"Exif" if marker == 0xE1 and content.startswith(b"Exif\0") else b"segment", len(content) + 4)
        elif progressive or content[:1] < frame[5:6]:
            scanned = True
            yield _Part(b"scan", len(content) + 4, _coefficients(frame))
        else:
            return


def _next_marker(file: BinaryIO) -> tuple[int, int] | None:
    """Go behind the next marker: which it is, and how many bytes lay before it; None at the end."""
    skipped = 0
    while block := file.read(2**16):
        if match := _MARKER.search(block):
            file.seek(match.end() - len(block), 1)
            return match[1][0], skipped + match.start()
        begun = len(block) > 1 and block[-1] == 0xFF  # its second byte is in the next block
        file.seek(-begun, 1)
        skipped += len(block) - begun
    return None


def _coefficients(frame: bytes) -> int:
    """Bytes of all coefficients of a JPEG with this frame header: two for each place of a block, in whole MCUs."""
    if len(frame) < 9:
        return 0
    height, width = (int.from_bytes(frame[place : place + 2], "big") for place in (1, 3))
    factors = [(places >> 4, places & 15) for places in frame[7::3]]
    across, down = (8 * max(1, *(factor[axis] for factor in factors), 1) for axis in (0, 1))
    return 128 * -(-width // across) * -(-height // down) * sum(h * v for h, v in factors)
