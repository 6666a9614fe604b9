"""`vae evaluate`: a run measured on its test set."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_dir_option, device_option, run_argument, threads_option


@click.command()
@run_argument
@click.option(
    "-k",
    "--draws",
    type=click.IntRange(1),
    multiple=True,
    help="Draws of the importance-weighted bound; repeatable.  [default: 1, 64, 1000; of Gaussian models 1, 16]",
)
@click.option("--images", type=click.IntRange(1), default=None, help="Only the first N test images.  [default: all]")
@click.option(
    "--graphs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure the bounds through this model folder, as the run was exported, and vae_runtime.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_dir_option
@device_option
@threads_option
def evaluate(
    run: Path,
    draws: tuple[int, ...],
    images: int | None,
    graphs: Path | None,
    as_json: bool,
    data_dir: Path | None,
    device: str | None,
    threads: int | None,
) -> None:
    """Measure a run on its test set.

    A table on stdout, and JSON in RUN/evaluation.json if it is of all images: ELBO with its two terms, NLL by
    importance weighting, bits per dimension, active units, KL of each latent, how far the posteriors lie from the
    prior, the quality of samples, and the accuracy of a linear probe on latent means with 100, 1000 and all labels.
    Bounds are kept in RUN/bounds.npz: stopped, the same command goes on.

    \b
    Examples:
      vae evaluate runs/conv
      vae evaluate runs/conv -k 5000 --images 1000 --graphs artifacts/mnist
    """
    from ..measure.compare import table
    from ..measure.run import evaluate_run, to_json

    figures = evaluate_run(
        run, draws=draws, images=images, graphs=graphs, directory=data_dir, device=device, threads=threads
    )
    click.echo(to_json(figures) if as_json else f"{table({str(run): figures})}\n", nl=False)
