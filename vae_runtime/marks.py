"""A mark in a file of results by which it is known again: this package wrote it, and nobody changed it since.

| file | where the mark is |
|---|---|
| PNG, also animated | a text chunk, `Software`, the last before the end |
| GIF | a comment before the end |
| JPEG | a comment after the header |
| .npz | the comment of the archive |
| HTML | a comment after the end |
| a list of `--errors` | its last line, after a # |

It holds the sha256 of the rest. WebP, BMP, .npy, CSV and JSON lines have no place for it that nobody reads.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

_NAME = b"vae-runtime "
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_AROUND = 256  # bytes at either end of a file; marks lie in them


class _Kind(NamedTuple):
    """A kind of file: how it begins, how a mark is written in it, and how many bytes stay before or after the mark."""

    begins: bytes
    wrap: Callable[[bytes], bytes]
    before: int = 0  # 0: counted from the end
    after: int = 0
    empty: bytes = b""  # what stands there without a mark


def _chunk(text: bytes) -> bytes:
    data = b"tEXtSoftware\0" + text
    return (len(data) - 4).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")


_KINDS = (
    _Kind(b"\x89PNG\r\n\x1a\n", _chunk, after=12),
    _Kind(b"GIF89a", lambda text: b"!\xfe" + bytes([len(text)]) + text + b"\0", after=1),
    _Kind(b"\xff\xd8\xff\xe0\0\x10JFIF\0", lambda text: b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text, 20),
    _Kind(b"PK\3\4", lambda text: len(text).to_bytes(2, "little") + text, empty=b"\0\0"),
    _Kind(b"<!doctype html>", lambda text: b"<!-- " + text + b" -->\n"),
)


_LIST = _Kind(b"", lambda text: b"# " + text + b"\n")


def mark_list(lines: Iterable[str]) -> bytes:
    """Lines as a file with a mark, deterministic; an empty one has none, for nothing is lost with it."""
    content = "".join(f"{line}\n" for line in lines).encode()
    return content and content + _LIST.wrap(_text(memoryview(content)))


def mark(content: bytes) -> bytes:
    """The same file with a mark in it; a file of a kind that has no place for one as it is. Deterministic."""
    kind = _kind_of(content)
    if kind is None:
        return content
    before, there, after = _cut(content, kind, len(kind.empty))
    return b"".join((before, kind.wrap(_text(before, after)), after)) if there == kind.empty else content


class MarkedPNG:
    """A PNG that is marked while it is written, and never whole in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        """Write bytes, up to the mark."""
        self._digest.update(data)
        return self._file.write(data)

    def mark(self) -> bytes:
        """The mark, as the last chunk before the end."""
        digest = self._digest.copy()
        digest.update(_PNG_END)
        return _chunk(_NAME + digest.hexdigest().encode())


def is_marked(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a mark, and the content that it was marked with."""
    with open(path, "rb") as file:
        begin = file.read(_AROUND)
        kind = _kind_of(begin) or _LIST
        file.seek(max(0, os.fstat(file.fileno()).st_size - _AROUND))
        if _NAME not in begin + file.read():  # most files of others need not be read whole
            return False
        file.seek(0)
        before, there, after = _cut(file.read(), kind, len(kind.wrap(_text())))
    return there == kind.wrap(_text(before, after))


def _kind_of(content: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if content.startswith(kind.begins)), None)


def _cut(content: bytes, kind: _Kind, size: int) -> tuple[memoryview, memoryview, memoryview]:
    """What is before a mark of `size` bytes, the mark, and what is after it; no copies, for archives may be large."""
    begin, whole = kind.before or max(0, len(content) - size - kind.after), memoryview(content)
    return whole[:begin], whole[begin : begin + size], whole[begin + size :]


def _text(*rest: memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in rest:
        digest.update(part)
    return _NAME + digest.hexdigest().encode()
