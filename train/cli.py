"""The verbs of `python -m train`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from vae_runtime.errors import InputError, VAEError

from .config import PRESETS


class _Group(click.Group):
    """Errors of the project become one line and an exit code: 2 for bad input, 1 for a run that cannot go on."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (VAEError, OSError) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2 if isinstance(error, InputError) else 1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train a variational autoencoder, measure it, look at it."""


_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of MNIST's four idx files, plain or .gz. Default: $VAE_DATA_DIR, else downloaded once.",
)
_device = click.option("--device", default=None, help="torch device, such as cuda. Default: an accelerator, else cpu.")
_threads = click.option("--threads", type=click.IntRange(1), default=None, help="CPU threads. Default: torch's.")


@main.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Which model and recipe to start from.")
@click.option("--data", type=click.Choice(["mnist", "digits"]), default=None, help="Data set.  [default: mnist]")
@_data_dir
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the new run.")
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Begin with this run's weights; a deeper network begins as the same function.",
)
@click.option("--resume", type=click.Path(path_type=Path, file_okay=False), help="Go on with this run, exactly.")
@click.option("--epochs", type=click.IntRange(1), default=None)
@click.option("--widths", type=click.IntRange(1), multiple=True, help="Once a layer: units, or channels (conv: two).")
@click.option("--flow-width", type=click.IntRange(1), default=None, help="Hidden units of the flow.")
@click.option("--blocks", type=click.IntRange(0), default=None, help="conv: residual blocks at each resolution.")
@click.option("--batch-size", type=click.IntRange(1), default=None)
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=None)
@click.option("--kl-warmup-epochs", type=click.FloatRange(0), default=None)
@click.option("--importance-share", type=click.FloatRange(0, 1), default=None, help="Last epochs, on the IWAE bound.")
@click.option("--latent-size", type=click.IntRange(1), default=None)
@click.option("--prior", type=click.Choice(["standard_normal", "flow"]), default=None, help="p(z).")
@click.option("--labels", type=click.IntRange(0), default=None, help="Classes for the flow to tell apart.")
@click.option("--only-prior", is_flag=True, default=None, help="With --from: keep its encoder and decoder.")
@click.option("--targets", type=click.Choice(["binarised", "grey"]), default=None, help="Side of the likelihood.")
@click.option("--grey-share", type=click.FloatRange(0, 1), default=None, help="Of a batch, images not binarised.")
@click.option("--validation-images", type=click.IntRange(0), default=None, help="Held out to choose the best epoch.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default=None)
@click.option("--seed", type=click.IntRange(0), default=None)
@_device
@_threads
@click.option("--dry-run", is_flag=True, help="Print the resolved config as JSON and stop.")
def fit(
    preset: str | None,
    data_dir: Path | None,
    out: Path | None,
    start: Path | None,
    resume: Path | None,
    device: str | None,
    threads: int | None,
    dry_run: bool,
    **changes: Any,
) -> None:
    """Train a preset, or go on with a run.

    Ctrl-C saves and prints the line that resumes. Under torchrun the processes share each batch, --batch-size images
    each, and the first one writes; a run goes on with any number of processes.

    \b
    Examples:
      python -m train fit --preset conv --data mnist --out runs/conv
      python -m train fit --resume runs/conv --epochs 120
      torchrun --nproc-per-node 8 -m train fit --preset conv --out runs/conv
    """
    from .checkpoint import has_checkpoint, read_config
    from .devices import choose_device, resolve_precision

    changes = {name: change for name, change in changes.items() if change not in (None, ())}
    if resume:
        if preset or out or start or set(changes) - {"epochs", "importance_share"}:
            raise InputError(
                "--resume goes on with the run's own config; of it, only --epochs and --importance-share can be given "
                "anew."
            )
        config, folder = read_config(resume), resume
    elif preset and out:
        config, folder = PRESETS[preset](), out
        if has_checkpoint(folder) and not dry_run:
            raise InputError(f"{folder} is a run already; choose another --out, or go on with --resume {folder}.")
    else:
        raise InputError("say which --preset to train and the --out folder of the run, or give --resume RUN.")
    if start:
        whole = start.resolve()  # only its name is kept: a model carries no path of the machine that made it
        changes["started_from"] = whole.parent.name if whole.name == "checkpoint" else whole.name
    torch_device = choose_device(device, threads)
    config = resolve_precision(dataclasses.replace(config, **changes), torch_device)
    if config.importance_share and config.importance_draws == 1:
        raise InputError(f"the preset {config.preset!r} has no --importance-share: its bound is of one draw.")
    if config.only_prior and not (config.started_from and config.prior == "flow"):
        raise InputError(
            "--only-prior needs --from RUN, whose encoder and decoder it keeps, and a prior to train: flow."
        )
    if dry_run:
        click.echo(config.to_json(), nl=False)
        return
    from .checkpoint import load_model
    from .data import load
    from .loop import fit as run_fit
    from .parallel import join
    from .progress import say

    processes = join(torch_device)
    if not resume:
        config = dataclasses.replace(config, batch_size=config.batch_size * processes.size)
    if processes.rank == 0:
        say(config.to_json().rstrip())
    begin = load_model(start, torch_device)[0] if start else None
    dataset = load(config.data, data_dir)
    if not run_fit(config, folder, dataset, torch_device, resume=bool(resume), begin=begin, processes=processes):
        sys.exit(130)
    if processes.rank == 0:
        say(f"Done. Next: python -m train evaluate {folder}")


_run = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))


@main.command()
@_run
@click.option(
    "-k",
    "--draws",
    type=click.IntRange(1),
    multiple=True,
    default=(1, 64, 1000),
    show_default=True,
    help="Draws of the importance-weighted bound; may be given several times.",
)
@click.option("--images", type=click.IntRange(1), default=None, help="Only the first N test images.  [default: all]")
@click.option(
    "--graphs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure the bounds through this model folder, as the run was exported, and vae_runtime.",
)
@_data_dir
@_device
@_threads
def evaluate(
    run: Path,
    draws: tuple[int, ...],
    images: int | None,
    graphs: Path | None,
    data_dir: Path | None,
    device: str | None,
    threads: int | None,
) -> None:
    """Measure a run on its test set: JSON on stdout, and in RUN/evaluation.json unless it is of a part of the images.

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
    from .data import load
    from .devices import choose_device
    from .evaluate import evaluate as measure
    from .progress import ProgressLine

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    line, dataset = ProgressLine(log_seconds=60), load(config.data, data_dir)
    engine: Engine = TorchEngine(model, torch_device)
    if graphs:
        engine = RuntimeEngine(graphs, threads)
        engine.require_export_of(model, from_uint8(dataset.test_images[:8]))
    figures = measure(
        model,
        config,
        dataset,
        torch_device,
        draws=draws,
        images=images,
        engine=engine,
        kept_in=run / "bounds.npz",
        progress=line.show,
    )
    line.clear()
    text = json.dumps(figures, indent=2, allow_nan=False) + "\n"
    if images is None:
        write_file(run / "evaluation.json", text.encode())
    click.echo(text, nl=False)


@main.command()
@click.argument("runs", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw NLL against parameters.")
def compare(runs: tuple[Path, ...], as_json: bool, picture: Path | None) -> None:
    """Put the figures of several evaluated runs side by side.

    A RUN is a run's folder or an artifact's checkpoint folder.

    \b
    Example:
      python -m train compare runs/mlp runs/conv artifacts/mnist/checkpoint
    """
    from .compare import figures, table, to_json

    click.echo(to_json(runs) if as_json else table(runs))
    if picture:
        from .plots import nll_curve, save_figure

        save_figure(picture, nll_curve({str(run): figures(run) for run in runs}))


@main.command()
@_run
@_data_dir
@_device
@_threads
def plot(run: Path, data_dir: Path | None, device: str | None, threads: int | None) -> None:
    """Draw a run's pictures into RUN/plots: samples, reconstructions, interpolation, latent map, loss curves.

    \b
    Example:
      python -m train plot runs/mlp-2d
    """
    from .checkpoint import load_model
    from .data import load
    from .devices import choose_device
    from .plots import plot_run

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    for path in plot_run(run, model, config, load(config.data, data_dir), torch_device):
        click.echo(path)
