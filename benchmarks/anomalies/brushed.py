"""Pictures of brushed metal, good and with a fault, for whoever has no factory: the data of docs/ANOMALIES.md.

    python -m benchmarks.anomalies.brushed FOLDER

FOLDER/good, /more-good and /faulty/{scratch,dent,stain}: grey JPEGs of several sizes, the same each time.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COUNTS = {"good": 200, "more-good": 100, "faulty/scratch": 30, "faulty/dent": 30, "faulty/stain": 30}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    """Make the pictures."""
    for number, (name, count) in enumerate(COUNTS.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            random = np.random.default_rng([number, index])
            picture = with_fault(metal(random), name.rpartition("/")[2], random)
            picture.save(folder / name / f"{index:03d}.jpg", quality=92)


def metal(random: np.random.Generator) -> Image.Image:
    """Fine stripes under uneven light, with the small specks that good metal has too."""
    height, width = int(random.integers(120, 200)), int(random.integers(160, 320))
    stripes = random.normal(0, 9, (height, 1)) + random.normal(0, 6, (height, width))
    stripes = (stripes + np.roll(stripes, 1, axis=1) + np.roll(stripes, 2, axis=1)) / 1.7
    across, down = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    tilt, bow = random.normal(0, 18, 2)
    light = 120 + 25 * random.normal() + tilt * across + bow * down**2
    pixels = light + stripes
    for _ in range(int(random.integers(0, 6))):
        y, x = int(random.integers(height)), int(random.integers(width))
        pixels[y : y + 2, x : x + 2] -= random.uniform(10, 30)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def with_fault(picture: Image.Image, kind: str, random: np.random.Generator) -> Image.Image:
    """A scratch, a dent, a stain; or the picture as it is."""
    if kind not in ("scratch", "dent", "stain"):
        return picture
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    x, y = (float(random.uniform(0.2, 0.8) * side) for side in picture.size)
    if kind == "scratch":
        angle, length = random.uniform(0.2, 1.3), random.uniform(15, 45)
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        draw.line([(x, y), end], fill=int(random.integers(90, 200)), width=1)
        level = 20
    elif kind == "dent":
        size = random.uniform(3, 8)
        draw.ellipse([x - size, y - size * 0.7, x + size, y + size * 0.7], fill=150)
        mask = mask.filter(ImageFilter.GaussianBlur(1.5))
        level = 40
    else:
        places = [(x + random.normal(0, 22), y + random.normal(0, 14)) for _ in range(7)]
        draw.polygon(places, fill=int(random.integers(50, 90)))
        mask = mask.filter(ImageFilter.GaussianBlur(2))
        level = 30
    return Image.composite(Image.new("L", picture.size, level), picture, mask)


if __name__ == "__main__":
    main()
