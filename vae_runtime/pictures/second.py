"""Does a second picture follow the first one in a stream? A pipe may bring several, a file is one.

Camera files may carry further data after the picture, so only what begins as a picture counts, and only where the
first one ends by its format's own lengths.
"""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # of a segment, or of the end
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")


def second_picture(content: bytes) -> int | None:
    """The byte at which another picture begins, None where there is none; zeros and line ends may lie between."""
    end = _end(content)
    at = len(content) - len(content[end:].lstrip(b"\0\r\n")) if end else len(content)
    return at if _begins(content[at : at + 16]) else None


def _begins(start: bytes) -> bool:
    return (
        start.startswith(_STARTS)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or (start[:2] == b"BM" and start[6:10] == bytes(4) and len(start) > 13)
        or (start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"avif"))
    )


def _end(content: bytes) -> int:
    """Where the first picture ends; 0 where that cannot be told."""
    if content.startswith(b"\x89PNG"):
        return _end_of_png(content)
    if content.startswith(b"\xff\xd8"):
        return _end_of_jpeg(content)
    if content.startswith(b"RIFF"):
        size = int.from_bytes(content[4:8], "little")
        return 8 + size + size % 2
    return int.from_bytes(content[2:6], "little") if content.startswith(b"BM") else 0


def _end_of_png(content: bytes) -> int:
    at = 8
    while at + 8 <= len(content):
        kind, at = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if kind == b"IEND":
            return at
    return 0


def _end_of_jpeg(content: bytes) -> int:
    """Segments have lengths; between them lies what is coded, which holds no markers but those of a restart."""
    at = 2
    while marker := _MARKER.search(content, at):
        at = marker.end()
        if marker.group() == b"\xff\xd9":
            return at
        at += int.from_bytes(content[at : at + 2], "big")
    return 0
