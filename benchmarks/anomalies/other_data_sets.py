"""How well each score tells digits from pictures of other data sets, and whether false-alarm rates hold.

    python -m benchmarks.anomalies.other_data_sets --fashion FOLDER --omniglot FOLDER

FASHION holds images of Fashion-MNIST as an idx file, plain or .gz; OMNIGLOT a tree of its pictures. Digits are MNIST's
test images ($VAE_DATA_DIR, or downloaded).
"""

from __future__ import annotations

import gzip
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from vae_train.data.datasets import load, parse_idx

from vae_runtime import VAE, ImageSpec, from_uint8, read_images
from vae_runtime.maths.conformal import conformal_p_values
from vae_runtime.pictures.walking import pictures_in

PICTURES = 2000
RATES = (0.10, 0.05, 0.01)


@click.command()
@click.option("-m", "--model", type=click.Path(path_type=Path), default=Path("artifacts/mnist"), show_default=True)
@click.option("--fashion", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--omniglot", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(model: Path, fashion: Path | None, omniglot: Path | None) -> None:
    """Print both tables as Markdown."""
    vae = VAE.load(model)
    digits = from_uint8(load("mnist").test_images)
    methods = vae.manifest.scores
    normal = {method: vae.score(digits, method=method) for method in methods}
    click.echo(f"| anomalies | {' | '.join(methods)} |\n|---|{'---|' * len(methods)}")
    for name, images in anomalies(fashion, omniglot).items():
        areas = [area(normal[method], vae.score(images, method=method)) for method in methods]
        click.echo(f"| {name}, {len(images):,} | {' | '.join(f'{value:.4f}' for value in areas)} |")
    order = np.random.default_rng(0).permutation(len(digits))
    known, fresh = np.array_split(order, 2)
    click.echo(f"\n| false alarms asked for | {' | '.join(methods)} |\n|---|{'---|' * len(methods)}")
    for rate in RATES:
        rates = [
            (conformal_p_values(normal[method][fresh], normal[method][known]) <= rate).mean() for method in methods
        ]
        click.echo(f"| {rate:.2f} | {' | '.join(f'{value:.4f}' for value in rates)} |")


def anomalies(fashion: Path | None, omniglot: Path | None) -> dict[str, npt.NDArray[np.float32]]:
    """Images of what was given, light on dark as digits are."""
    sets = {}
    if fashion:
        path = sorted(fashion.glob("*images-idx3-ubyte*"))[0]
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        sets["Fashion-MNIST"] = from_uint8(parse_idx(content, path.name)[:PICTURES, None])
    if omniglot:
        spec = ImageSpec(shape=(1, 28, 28), invert=True, fit="pad")
        sets["Omniglot"] = read_images(pictures_in(omniglot)[:PICTURES], spec)
    return sets


def area(normal: npt.NDArray[np.float64], strange: npt.NDArray[np.float64]) -> float:
    """Area under the ROC curve."""
    classes = np.repeat([0, 1], [len(normal), len(strange)])
    return float(roc_auc_score(classes, np.concatenate([normal, strange])))


if __name__ == "__main__":
    main()
