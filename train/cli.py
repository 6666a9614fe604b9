"""The verbs of `python -m train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from vae_runtime.cli.keeping import claim
from vae_runtime.cli.options import overwrite_option
from vae_runtime.cli.usage import Group
from vae_runtime.errors import InputError, VAEError
from vae_runtime.files import check_output
from vae_runtime.printable import printable

from .cli_fit import fit
from .options import data_dir_option, device_option, threads_option


class _Group(Group):
    """Errors of the project become one line and an exit code: 2 for bad input, 1 for a run that cannot go on."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (VAEError, OSError) as error:
            click.echo(f"error: {printable(error)}", err=True)
            sys.exit(2 if isinstance(error, InputError) else 1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train a variational autoencoder, measure it, look at it."""


main.add_command(fit)


_run = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))


@main.command()
@_run
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
    """Measure a run on its test set: a table on stdout, and JSON in RUN/evaluation.json if it is of all images.

    ELBO with its two terms, NLL by importance weighting, bits per dimension, active units, KL of each latent, how far
    the posteriors lie from the prior, the quality of samples, and the accuracy of a linear probe on latent means with
    100, 1000 and all labels. Bounds are kept in RUN/bounds.npz: stopped, the same command goes on.

    \b
    Examples:
      python -m train evaluate runs/conv
      python -m train evaluate runs/conv -k 5000 --images 1000 --graphs artifacts/mnist
    """
    import json

    from vae_runtime import from_uint8
    from vae_runtime.files import write_file

    from .bounds import Engine, RuntimeEngine, TorchEngine
    from .checkpoint import load_model
    from .compare import table
    from .devices import choose_device
    from .evaluate import evaluate as measure
    from .progress import ProgressLine
    from .sources import load

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


@main.command()
@_run
@click.option("--reduce", type=click.IntRange(1, 8), default=None, help="Look at squares of so many pixels a side.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Of the optimiser.  [default: 6000]")
@click.option("--seed", type=click.IntRange(0), default=None)
@click.option("--replace", is_flag=True, help="Train another one in the place of a finished one.")
@data_dir_option
@device_option
@threads_option
def detector(
    run: Path, data_dir: Path | None, device: str | None, threads: int | None, replace: bool, **changes: Any
) -> None:
    """Train a network that finds faults, beside a run: on its normal pictures, with faults drawn into them.

    It is exported with the run, and scores by the method "faults". Stopped, the same command goes on.

    \b
    Example:
      python -m train detector runs/parts
    """
    from .checkpoint import read_config
    from .detection import fit_detector, is_finished
    from .detector import DetectorConfig, default_reduction
    from .devices import choose_device
    from .progress import say
    from .sources import load

    config = read_config(run)
    if is_finished(run) and not replace:
        raise InputError(f"{run} has a detector already; --replace trains another one in its place.")
    changes = {name: change for name, change in changes.items() if change is not None}
    found = DetectorConfig(**{"reduce": default_reduction(config.image_shape), **changes})
    torch_device = choose_device(device, threads)
    figures = fit_detector(run, found, load(config, run, directory=data_dir), config.augment, torch_device)
    if figures is None:
        sys.exit(130)
    auc = figures["detector_drawn_faults_auc"]
    say(f"Done: drawn faults in held-out pictures are told with an AUROC of {auc:.3f}. Next: python -m export {run} …")


@main.command()
@click.argument("runs", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw NLL against parameters.")
@overwrite_option
def compare(runs: tuple[Path, ...], as_json: bool, picture: Path | None, overwrite: bool) -> None:
    """Put the figures of several evaluated runs side by side.

    A RUN is a run's folder or an artifact's checkpoint folder.

    \b
    Example:
      python -m train compare runs/mlp runs/conv artifacts/mnist/checkpoint
    """
    from .compare import figures, table, to_json

    if picture:
        check_output(picture)
        claim([picture], overwrite=overwrite)
    click.echo(to_json(runs) if as_json else table({str(run): figures(run) for run in runs}))
    if picture:
        from .plots import nll_curve, save_figure

        save_figure(picture, nll_curve({printable(run): figures(run) for run in runs}))


@main.command()
@_run
@data_dir_option
@device_option
@threads_option
def plot(run: Path, data_dir: Path | None, device: str | None, threads: int | None) -> None:
    """Draw a run's pictures into RUN/plots: samples, reconstructions, interpolation, latent map, loss curves.

    \b
    Example:
      python -m train plot runs/mlp-2d
    """
    from .checkpoint import load_model
    from .devices import choose_device
    from .plots import plot_run
    from .sources import load

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    for path in plot_run(run, model, config, load(config, run, directory=data_dir), torch_device):
        click.echo(printable(path))
