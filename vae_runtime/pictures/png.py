"""A PNG written as its rows come: Pillow's writer needs the whole picture, four bytes a pixel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

_LEFT = 1  # the filter that stores each byte less that of the pixel to its left


def write_png(file: BinaryIO, size: tuple[int, int], parts: Iterable[Image.Image]) -> None:
    """Write a PNG of (width, height), whose rows are those of the "RGB" parts from the top down; deterministic."""
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    packer = zlib.compressobj()
    for part in parts:
        _write_chunk(file, b"IDAT", packer.compress(_filtered(np.asarray(part)).data))
    _write_chunk(file, b"IDAT", packer.flush())
    _write_chunk(file, b"IEND", b"")


def _filtered(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Rows [height, width, 3] as [height, 1 + width * 3]: the filter's number, then differences modulo 256."""
    rows = np.empty((pixels.shape[0], 1 + pixels.shape[1] * 3), np.uint8)
    rows[:, 0] = _LEFT
    rows[:, 1:4] = pixels[:, 0]
    rows[:, 4:] = (pixels[:, 1:] - pixels[:, :-1]).reshape(len(pixels), -1)
    return rows


def _write_chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    if data or kind == b"IEND":  # the packer keeps what is little for later
        file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
