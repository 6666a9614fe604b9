"""How well each score tells good parts from parts with a fault, by kind of fault.

    python -m benchmarks.anomalies.faults MODEL GOOD FAULTY

GOOD holds pictures of good parts that the model was not trained on; every folder in FAULTY pictures of one kind of
fault. Pictures are cut into windows (`vae score --tile`), or with --whole fitted as they are.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from vae_runtime import VAE, read_images, score_tiled
from vae_runtime.pictures.walking import pictures_in

from .other_data_sets import area

Scores = dict[str, npt.NDArray[np.float64]]
_folder = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("model", type=_folder)
@click.argument("good", type=_folder)
@click.argument("faulty", type=_folder)
@click.option("--whole", is_flag=True, help="Fit each picture, instead of cutting it into windows.")
def main(model: Path, good: Path, faulty: Path, whole: bool) -> None:
    """Print AUROC as Markdown."""
    vae = VAE.load(model)
    normal = scores(vae, good, whole=whole)
    kinds = {kind.name: scores(vae, kind, whole=whole) for kind in sorted(faulty.iterdir()) if kind.is_dir()}
    counts = [f"{name} ({len(of_kind['elbo'])})" for name, of_kind in kinds.items()]
    click.echo(f"{len(normal['elbo'])} good pictures against:\n")
    click.echo(f"| | all | {' | '.join(counts)} |\n|---|---|{'---|' * len(kinds)}")
    for method, of_good in normal.items():
        of_kinds = [of_kind[method] for of_kind in kinds.values()]
        areas = [area(of_good, of_faulty) for of_faulty in (np.concatenate(of_kinds), *of_kinds)]
        click.echo(f"| `{method}` | {' | '.join(f'{value:.3f}' for value in areas)} |")


def scores(vae: VAE, folder: Path, *, whole: bool) -> Scores:
    """Each method's scores of the pictures in a folder; and of the map of reconstruction, its highest place."""
    columns: dict[str, list[float]] = {}
    for path in pictures_in(folder):
        of_picture, map = _whole(vae, path) if whole else _tiled(vae, path)
        for method, score in {**of_picture, "reconstruction, highest in its map": float(map.max())}.items():
            columns.setdefault(method, []).append(score)
    return {method: np.array(column) for method, column in columns.items()}


def _tiled(vae: VAE, path: Path) -> tuple[dict[str, float], npt.NDArray[np.float32]]:
    tiled = score_tiled(vae, path, methods=vae.manifest.scores, map_of="reconstruction")
    assert tiled.map is not None
    return tiled.scores, tiled.map


def _whole(vae: VAE, path: Path) -> tuple[dict[str, float], npt.NDArray[np.float32]]:
    image = read_images(path, vae.manifest.image)
    return {method: float(vae.score(image, method=method)[0]) for method in vae.manifest.scores}, vae.anomaly_map(image)


if __name__ == "__main__":
    main()
