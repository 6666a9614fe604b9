"""Picture files as bytes: through Pillow, and PNGs put together by hand."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)
STILL = Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3), dtype=np.uint8))
FRAMES = [Image.new("L", (4, 4), shade) for shade in (0, 100, 200)]
GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6  # a PNG's colour types


def encoded(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png(depth, colour_type, *values, transparent=None):
    """One row of `values`, 1 to 16 bits each, in as many pixels as they fill."""
    channels = {GREY: 1, COLOUR: 3, GREY_ALPHA: 2, COLOUR_ALPHA: 4}[colour_type]
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    header = struct.pack(">IIBBBBB", len(values) // channels, 1, depth, colour_type, 0, 0, 0)
    key = b"" if transparent is None else _chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    content = zlib.compress(b"\0" + row)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + key + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
