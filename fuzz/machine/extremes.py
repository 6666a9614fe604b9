"""Sound pictures that are hard to read: what decoders pay for and a file's size does not tell.

    python -m fuzz.machine.extremes

prints what each costs, and exits with 1 if one takes more than is promised. `fuzz.disks.pictures` draws some at random.
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from PIL import Image

from .guarded import Guarded
from .reading import outcome, peak_from_now

SECONDS = 5.0
MEMORY = 256.0  # MB above what the process had
FOUND = ("an image", "refused")

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's colour types
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # EXIF: turned by 90 degrees


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    bits: int,
    colour: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A black PNG; `before` and `after` its pixels are other chunks."""
    row = (width * bits * _CHANNELS[colour] + 7) // 8 + 1
    left, packer, packed = row * height * (2 if interlaced else 1), zlib.compressobj(1), []
    block = bytes(min(left, 2**20))
    while left > 0:
        packed.append(packer.compress(block[:left]))
        left -= len(block)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    pixels = chunk(b"IDAT", b"".join([*packed, packer.flush()]))
    return _SIGNATURE + header + before + pixels + after + chunk(b"IEND", b"")


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def jpeg(
    width: int, height: int, *, mode: str = "RGB", segments: bytes = b"", scans: int = 0, **options: object
) -> bytes:
    """A grey JPEG; segments: after its start. scans: how many times more its last scan comes."""
    content = encoded(Image.new(mode, (width, height), "grey"), "JPEG", **options)
    last = content.rindex(b"\xff\xda")
    return content[:2] + segments + content[2:last] + content[last:-2] * (scans + 1) + content[-2:]


def webp(width: int, height: int, *, chunks: bytes = b"", **options: object) -> bytes:
    """A grey WebP; chunks: more of them, in an extended file."""
    content = encoded(Image.new("RGB", (width, height), "grey"), "WEBP", method=0, **options)
    if not chunks:
        return content
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + size + content[12:] + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flat_webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour: in so few bytes of code that they are the same for every size."""
    content = webp(8, 8, lossless=True)
    return content[:21] + struct.pack("<I", width - 1 | height - 1 << 14) + content[25:]


def bmp(width: int, height: int, *, rle: bytes, four_bits: bool = False) -> bytes:
    """A BMP of run lengths."""
    bits, kind = (4, 2) if four_bits else (8, 1)
    palette = bytes(4 * 2**bits)
    header = struct.pack("<IiiHHIIIIII", 40, width, height, 1, bits, kind, len(rle), 0, 0, 2**bits, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(rle), 0, 0, 54 + len(palette)) + header + palette + rle


def cases() -> dict[str, Callable[[], bytes]]:
    """By name, what makes each."""
    palette = chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", bytes(range(16)))
    unpacked = zlib.compress(bytes(2**20), 9)
    return {
        "PNG 1x64,000,000": lambda: png(1, 64_000_000, 8, 0),
        "PNG 64,000,000x1": lambda: png(64_000_000, 1, 8, 0),
        "PNG 65535x900 RGB": lambda: png(65535, 900, 8, 2),
        "PNG 900x65535 RGB": lambda: png(900, 65535, 8, 2),
        "PNG 1x65535": lambda: png(1, 65535, 8, 0),
        "PNG 8000x8000 RGBA": lambda: png(8000, 8000, 8, 6),
        "PNG 6000x4000 RGBA": lambda: png(6000, 4000, 8, 6),
        "PNG 8000x8000 RGBA turned": lambda: png(8000, 8000, 8, 6, before=chunk(b"eXIf", _ORIENTED)),
        "PNG 8000x8000 grey, alpha": lambda: png(8000, 8000, 8, 4),
        "PNG 8000x8000 grey": lambda: png(8000, 8000, 8, 0),
        "PNG 8000x8000 1 bit": lambda: png(8000, 8000, 1, 0),
        "PNG 8000x8000 palette, tRNS": lambda: png(8000, 8000, 4, 3, before=palette),
        "PNG 8000x8000 16-bit grey": lambda: png(8000, 8000, 16, 0),
        "PNG 8000x8000 16-bit RGBA": lambda: png(8000, 8000, 16, 6),
        "PNG 8000x8000 RGB, tRNS": lambda: png(8000, 8000, 8, 2, before=chunk(b"tRNS", bytes(6))),
        "PNG 8000x8000 RGB interlaced": lambda: png(8000, 8000, 8, 2, interlaced=True),
        "JPEG 8064x6048": lambda: jpeg(8064, 6048),
        "JPEG 9248x6936": lambda: jpeg(9248, 6936),
        "JPEG 9248x6936 turned": lambda: jpeg(9248, 6936, exif=b"Exif\0\0" + _ORIENTED),
        "JPEG 8000x8000 progressive": lambda: jpeg(8000, 8000, progressive=True),
        "JPEG 6000x4000 progressive, 4:4:4": lambda: jpeg(6000, 4000, progressive=True, subsampling=0),
        "JPEG 8000x8000 grey progressive": lambda: jpeg(8000, 8000, mode="L", progressive=True),
        "JPEG 4000x4000, 1,000 scans": lambda: jpeg(4000, 4000, progressive=True, scans=1000),
        "JPEG 28x28, 4,000,000 segments": lambda: jpeg(28, 28, segments=b"\xff\xfe\0\2" * 4_000_000),
        "JPEG 28x28, 60 MB of EXIF": lambda: jpeg(28, 28, segments=(b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)) * 900),
        "JPEG 28x28, 60 MB of zeros": lambda: jpeg(28, 28, segments=bytes(60_000_000)),
        "WebP 16383x3906 lossless": lambda: flat_webp(16383, 3906),
        "WebP 16383x3906 lossy": lambda: webp(16383, 3906),
        "WebP 4000x3000 lossless": lambda: flat_webp(4000, 3000),
        "WebP 4000x4000 lossy": lambda: webp(4000, 4000),
        "WebP 3800x3800 lossless noise": lambda: encoded(_noise(3800), "WEBP", lossless=True, quality=0, method=0),
        "WebP 28x28, 6,000,000 chunks": lambda: webp(28, 28, chunks=b"ABCD\0\0\0\0" * 6_000_000),
        "BMP 8000x8000 RLE8": lambda: bmp(8000, 8000, rle=(b"\xff\1" * 31 + b"\x5f\1\0\0") * 8000 + b"\0\1"),
        "BMP 8000x8000 RLE4, lines of nothing": lambda: bmp(8000, 8000, rle=b"\1\0\0\0" * 8000, four_bits=True),
        "BMP 4000x4000 RLE8 that goes nowhere": lambda: bmp(4000, 4000, rle=b"\0\2\0\0" * 15_000_000),
        "PNG 28x28, 4,000,000 empty chunks": lambda: png(28, 28, 8, 0, before=chunk(b"tEXt", b"") * 4_000_000),
        "PNG 28x28, 4,000,000 empty IDAT": lambda: png(28, 28, 8, 0, before=chunk(b"IDAT", b"") * 4_000_000),
        "PNG 28x28, 60 MB of text": lambda: png(28, 28, 8, 0, after=chunk(b"tEXt", b"k\0" + b"x" * 60_000_000)),
        "PNG 28x28, 60 texts of 1 MB": lambda: png(
            28, 28, 8, 0, before=b"".join(chunk(b"zTXt", b"k%d\0\0" % k + unpacked) for k in range(60))
        ),
        "PNG 28x28, a profile of 400 MB": lambda: png(
            28, 28, 8, 0, before=chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(400_000_000), 1))
        ),
        "PNG 28x28, 50 MB of EXIF": lambda: png(28, 28, 8, 0, before=chunk(b"eXIf", _many_orientations(4_000_000))),
        "PNG 28x28, 2^31 - 1 frames": lambda: png(
            28, 28, 8, 0, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
        ),
    }


def _noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))


def _many_orientations(count: int) -> bytes:
    """EXIF that has many of what is one number."""
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03" + struct.pack(">II", count, 26) + bytes(4 + 2 * count)


def drawn(random: np.random.Generator) -> tuple[str, bytes]:
    """An extreme picture at random: a shape of many pixels, or many parts."""
    side = int(2 ** random.uniform(0, 26))
    other = max(1, int(2 ** random.uniform(18, 26.5)) // side)
    kind = int(random.integers(6))
    if kind < 3:
        bits, colour = [(8, 0), (8, 2), (8, 6), (8, 4), (1, 0), (16, 0), (16, 6)][int(random.integers(7))]
        name, content = f"PNG {side}x{other}", png(side, other, bits, colour, interlaced=bool(random.integers(2)))
    elif kind == 3:
        side, other = min(side, 65500), min(other, 65500)
        progressive = bool(random.integers(2))
        scans = int(2 ** random.uniform(0, 10)) if progressive else 0
        name, content = f"JPEG {side}x{other}", jpeg(side, other, progressive=progressive, scans=scans)
    elif kind == 4:
        side, other = min(side, 16383), min(other, 16383)
        name, content = f"WebP {side}x{other}", flat_webp(side, other)
    else:
        count = int(2 ** random.uniform(10, 22))
        name, content = f"PNG of {count} chunks", png(28, 28, 8, 0, before=chunk(b"abCd", b"") * count)
    return name, content


def cost(path: str) -> str:
    """What becomes of a picture file: outcome|peak of memory above before, in MB|processor's seconds."""
    import time

    # What is loaded once is no picture's; the kernel counts the peak from here on.
    outcome(encoded(Image.new("L", (8, 8)), "PNG"))
    before, begun = peak_from_now(), time.process_time()
    said, _, peak = outcome(Path(path)).partition("|")
    return f"{said}|{float(peak) - before:.1f}|{time.process_time() - begun:.1f}"


def measure(ask: Guarded, content: bytes, folder: Path) -> tuple[str, float, float]:
    """Outcome, MB and seconds of one picture in a process that `ask` guards."""
    path = folder / "picture"
    path.write_bytes(content)
    said, _, figures = ask(str(path)).partition("|")
    memory, _, seconds = figures.partition("|")
    return said, float(memory or 0), float(seconds or 0)


def is_find(said: str, memory: float, seconds: float) -> bool:
    """Whether it is more than is promised."""
    return said not in FOUND or memory > MEMORY or seconds > SECONDS


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Read each extreme picture, or those whose names hold one of NAMES; exit with 1 if any costs too much."""
    finds = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, make in cases().items():
            if names and not any(part in name for part in names):
                continue
            content = make()
            with Guarded(cost, 150.0) as ask:  # a process each: memory that was freed does not help the next one
                said, memory, seconds = measure(ask, content, Path(folder))
            bad = is_find(said, memory, seconds)
            finds += bad
            mark = "  FOUND" if bad else ""
            click.echo(f"{name:38} {len(content):11,} bytes {memory:7.0f} MB {seconds:6.1f} s  {said}{mark}")
    click.echo(f"{finds} found")
    sys.exit(bool(finds))


if __name__ == "__main__":
    main()
