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
    import json

    from vae_runtime import from_uint8
    from vae_runtime.files import write_file

    from ..checkpoint import load_model
    from ..data.sources import load
    from ..devices import choose_device
    from ..measure.bounds import Engine, RuntimeEngine, TorchEngine
    from ..measure.compare import table
    from ..measure.evaluate import evaluate as measure
    from ..progress import ProgressLine

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    line, dataset = ProgressLine(log_seconds=60), load(config, run, directory=data_dir)
    engine: Engine = TorchEngine(model, torch_device)
    if graphs:
        engine = RuntimeEngine(graphs, threads)
        engine.require_export_of(model, from_uint8(dataset.test_images[:8]))
    figures = measure(
        model,
        config,
        dataset,
        torch_device,
        draws=draws or ((1, 16) if config.likelihood == "gaussian" else (1, 64, 1000)),
        images=images,
        engine=engine,
        kept_in=run / "bounds.npz",
        progress=line.show,
    )
    line.clear()
    text = json.dumps(figures, indent=2, allow_nan=False) + "\n"
    if images is None:
        write_file(run / "evaluation.json", text.encode())
    click.echo(text if as_json else f"{table({str(run): figures})}\n", nl=False)
