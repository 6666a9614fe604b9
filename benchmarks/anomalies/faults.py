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

from vae_runtime import VAE, from_uint8
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import read_picture
from vae_runtime.pictures.tiling import cut
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
    by_method: dict[str, list[float]] = {}
    for path in pictures_in(folder):
        picture = read_picture(path)
        spec = vae.manifest.image
        windows = np.concatenate([part for part, _ in cut(picture, spec)])
        images = from_uint8(fit_picture(picture, spec)[None] if whole else windows)
        for method in vae.manifest.scores:
            by_method.setdefault(method, []).append(vae.score(images, method=method).max())
        by_method.setdefault("reconstruction, highest in its map", []).append(vae.anomaly_map(images).max())
    return {method: np.array(values) for method, values in by_method.items()}


if __name__ == "__main__":
    main()
