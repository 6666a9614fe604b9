"""MNIST's test images as PNG files, a folder for each digit: for `vae web --pictures`, `vae calibrate`, `vae score`.

    python -m benchmarks.pictures.mnist_pictures digits/ -n 1200

The idx files are those of $VAE_DATA_DIR, or downloaded.
"""

from __future__ import annotations

from pathlib import Path

import click
from vae_train.data.datasets import load

from vae_runtime import from_uint8, write_image


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=10_000, show_default=True)
def main(folder: Path, count: int) -> None:
    """Write the first COUNT test images as FOLDER/LABEL/NUMBER.png."""
    data = load("mnist")
    for number, (image, label) in enumerate(zip(data.test_images[:count], data.test_labels[:count], strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        write_image(place / f"{number:05d}.png", from_uint8(image))


if __name__ == "__main__":
    main()
