"""Ten models, each trained without one digit: how well their scores tell that digit from the others.

    python -m benchmarks.anomalies.held_out_digits

Digits are MNIST's ($VAE_DATA_DIR, or downloaded). Test images of the nine known digits against those of the tenth.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import click
import numpy as np
from vae_export.pipeline import export
from vae_train.config import PRESETS
from vae_train.data.datasets import Dataset, load
from vae_train.devices import choose_device
from vae_train.fit.training import fit

from vae_runtime import VAE, from_uint8

from .other_data_sets import area

METHODS = ("elbo", "reconstruction", "kl", "complexity")


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="mlp", show_default=True)
@click.option("--epochs", default=5, show_default=True)
def main(preset: str, epochs: int) -> None:
    """Print the table as Markdown."""
    data = load("mnist")
    images = from_uint8(data.test_images)
    click.echo(f"| digit | {' | '.join(METHODS)} |\n|---|{'---|' * len(METHODS)}")
    rows = []
    for digit in range(10):
        with tempfile.TemporaryDirectory() as scratch:
            vae = trained_without(digit, data, preset, epochs, Path(scratch))
            strange = data.test_labels == digit
            rows.append([])
            for method in METHODS:
                scores = vae.score(images, method=method)
                rows[-1].append(area(scores[~strange], scores[strange]))
        click.echo(f"| {digit} | {' | '.join(f'{value:.3f}' for value in rows[-1])} |")
    click.echo(f"| mean | {' | '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))} |")


def trained_without(digit: int, data: Dataset, preset: str, epochs: int, folder: Path) -> VAE:
    """A model that never saw a digit, as a device runs it."""
    config = dataclasses.replace(PRESETS[preset](), epochs=epochs)
    known = data.train_labels != digit
    nine = data._replace(train_images=data.train_images[known], train_labels=data.train_labels[known])
    if not fit(config, folder / "run", nine, choose_device(None, None)):
        raise SystemExit(130)
    export(folder / "run", folder / "model")
    return VAE.load(folder / "model")


if __name__ == "__main__":
    main()
