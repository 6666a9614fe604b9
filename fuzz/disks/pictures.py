"""Damage picture files and read them: an image, or one sentence; never a crash, another error, or gigabytes.

python -m fuzz.disks.pictures --count 3000
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
import numpy as np
from PIL import Image

from ..machine.extremes import bmp, chunk, cost, drawn, is_find, jpeg, measure, png, webp
from ..machine.guarded import Guarded
from ..machine.reading import outcome
from .damage import ANYWHERE

SECONDS = 20.0
PEAK = 150.0  # MB


def pictures() -> dict[str, bytes]:
    """A sound file of each kind that is read."""
    random = np.random.default_rng(0)
    smooth = Image.fromarray(random.integers(0, 256, (8, 12, 3), dtype=np.uint8)).resize(
        (192, 128), Image.Resampling.BICUBIC
    )
    kinds: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "PNG": (smooth, "PNG", {}),
        "grey PNG": (smooth.convert("L"), "PNG", {}),
        "16-bit PNG": (Image.fromarray(random.integers(0, 65536, (64, 64), dtype=np.uint16)), "PNG", {}),
        "PNG with alpha": (smooth.convert("RGBA"), "PNG", {}),
        "palette PNG": (smooth.quantize(16), "PNG", {}),
        "1-bit PNG": (smooth.convert("1"), "PNG", {}),
        "JPEG": (smooth, "JPEG", {}),
        "progressive JPEG": (smooth, "JPEG", {"progressive": True}),
        "grey JPEG": (smooth.convert("L"), "JPEG", {}),
        "CMYK JPEG": (smooth.convert("CMYK"), "JPEG", {}),
        "WebP": (smooth, "WEBP", {}),
        "lossless WebP": (smooth, "WEBP", {"lossless": True}),
        "BMP": (smooth, "BMP", {}),
        "palette BMP": (smooth.quantize(16), "BMP", {}),
        "TIFF": (smooth, "TIFF", {}),
    }
    encoded = {}
    for name, (picture, form, options) in kinds.items():
        buffer = io.BytesIO()
        picture.save(buffer, form, **options)
        encoded[name] = buffer.getvalue()
    return encoded | {
        "interlaced PNG": png(40, 30, 8, 2, interlaced=True, before=chunk(b"tEXt", b"key\0value")),
        "run-length BMP": bmp(40, 30, rle=b"\x28\1\0\0" * 30 + b"\0\1"),
        "extended WebP": webp(40, 30, chunks=b"ABCD\2\0\0\0xx"),
        "JPEG of many scans": jpeg(40, 30, progressive=True, scans=20),
    }


@click.command()
@click.option("--count", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--extremes", type=click.IntRange(0), default=100, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(count: int, extremes: int, seed: int) -> None:
    """Print how many of each outcome, and what they cost; exit with 1 if any is bad.

    Damages `count` small pictures; and draws `extremes` sound ones that are hard to read (`fuzz/machine/extremes.py`),
    whose memory and seconds are counted one by one.
    """
    damaged, peak = run(count, seed)
    hard, memory, seconds = run_extremes(extremes, seed)
    for kind, number in (damaged + hard).most_common():
        click.echo(f"{number:7,}  {kind}")
    click.echo(f"peak {peak:.0f} MB; extremes at most {memory:.0f} MB and {seconds:.1f} s each")
    sys.exit(bool(set(damaged + hard) - {"an image", "refused"}) or peak > PEAK)


def run(count: int, seed: int) -> tuple[Counter[str], float]:
    """Outcomes of damaged pictures, and the most memory in MB."""
    sources, outcomes, peak = list(pictures().items()), Counter[str](), 0.0
    with Guarded(outcome, SECONDS) as ask:
        for number in range(seed, seed + count):
            random = np.random.default_rng(number)
            name, content = sources[number % len(sources)]
            damaged = ANYWHERE[int(random.integers(len(ANYWHERE)))](content, random)
            said, _, size = ask(damaged).partition("|")
            peak = max(peak, float(size or 0))
            outcomes[said] += 1
            if said not in ("an image", "refused"):
                click.echo(f"case {number}: {name}: {said}", err=True)
    return outcomes, peak


def run_extremes(count: int, seed: int) -> tuple[Counter[str], float, float]:
    """Outcomes of sound pictures that are hard to read, and the most MB and seconds that one of them took."""
    outcomes, most, longest = Counter[str](), 0.0, 0.0
    with Guarded(cost, 150.0) as ask, tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            name, content = drawn(np.random.default_rng(number))
            said, memory, seconds = measure(ask, content, Path(folder))
            most, longest = max(most, memory), max(longest, seconds)
            if is_find(said, memory, seconds):
                click.echo(f"extreme {number}: {name}: {said}, {memory:.0f} MB, {seconds:.1f} s", err=True)
                said = "costs too much" if said in ("an image", "refused") else said
            outcomes[said] += 1
    return outcomes, most, longest


if __name__ == "__main__":
    main()
