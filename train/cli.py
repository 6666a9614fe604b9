"""The verbs of `python -m train`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from vae_runtime.errors import InputError, VAEError
from vae_runtime.spec import FITS, RESAMPLES

from .config import AUGMENTATIONS, PICTURE_STEPS, PRESETS


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
    help="The pictures of a run, or MNIST's four idx files, if not where the run noted, $VAE_DATA_DIR or the cache.",
)
_device = click.option("--device", default=None, help="torch device, such as cuda. Default: an accelerator, else cpu.")
_threads = click.option("--threads", type=click.IntRange(1), default=None, help="CPU threads. Default: torch's.")


@main.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Which model and recipe to start from.")
@click.option("--data", default=None, help="mnist, digits, or a folder of pictures.  [default: mnist]")
@_data_dir
@click.option("--val", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Pictures to test with.")
@click.option("--size", default=None, help="Of pictures: 64, or WIDTHxHEIGHT.")
@click.option("--mode", type=click.Choice(["L", "RGB"]), default=None, help="Grey or colour pictures.  [default: L]")
@click.option("--fit", type=click.Choice(FITS), default=None, help="How a picture comes to that shape.")
@click.option("--resample", type=click.Choice(RESAMPLES), default=None, help="Filter that pictures are scaled with.")
@click.option("--invert", is_flag=True, default=None, help="Of pictures: dark on light becomes light on dark.")
@click.option("--patches", type=click.IntRange(1), default=None, help="Random crops of each picture, not scaled.")
@click.option("--augment", type=click.Choice(AUGMENTATIONS), multiple=True, help="Random changes; repeatable.")
@click.option("--likelihood", type=click.Choice(["bernoulli", "gaussian"]), default=None, help="p(x|z).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the new run.")
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Begin with this run's weights; a deeper network begins as the same function.",
)
@click.option("--resume", type=click.Path(path_type=Path, file_okay=False), help="Go on with this run, exactly.")
@click.option("--epochs", type=click.IntRange(1), default=None)
@click.option("--widths", type=click.IntRange(1), multiple=True, help="Once a layer: units, or a stage: channels.")
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
    data: str | None,
    data_dir: Path | None,
    val: Path | None,
    size: str | None,
    mode: str | None,
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
      python -m train fit --preset conv --data photos/ --size 64 --mode RGB --out runs/photos
      torchrun --nproc-per-node 8 -m train fit --preset conv --out runs/conv
    """
    from .checkpoint import has_checkpoint, read_config
    from .devices import choose_device, resolve_precision
    from .sources import begin

    changes = {name: change for name, change in changes.items() if change not in (None, ())}
    if resume:
        if preset or out or start or data or val or size or mode or set(changes) - {"epochs", "importance_share"}:
            raise InputError(
                "--resume goes on with the run's own config; of it, only --epochs and --importance-share can be given "
                "anew."
            )
        config, folder, pictures = read_config(resume), resume, None
    elif preset and out:
        config, pictures = begin(PRESETS[preset](), data or "mnist", val=val, size=size, mode=mode, changes=changes)
        folder = out
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
    if config.likelihood == "gaussian" and config.targets == "binarised":
        raise InputError("a Gaussian has no binary pixels; take --targets grey with --likelihood gaussian.")
    if config.only_prior and not (config.started_from and config.prior == "flow"):
        raise InputError(
            "--only-prior needs --from RUN, whose encoder and decoder it keeps, and a prior to train: flow."
        )
    if dry_run:
        click.echo(config.to_json(), nl=False)
        return
    from .checkpoint import load_model
    from .loop import fit as run_fit
    from .parallel import join
    from .progress import say
    from .sources import load

    processes = join(torch_device)
    quiet = processes.rank > 0
    dataset = load(config, folder, directory=data_dir, pictures=pictures, say=(lambda text: None) if quiet else say)
    if pictures and "epochs" not in changes:
        steps = -(-len(dataset.train_images) // config.batch_size)
        config = dataclasses.replace(config, epochs=max(10, -(-PICTURE_STEPS // steps)))
    if not resume:
        config = dataclasses.replace(config, batch_size=config.batch_size * processes.size)
    if processes.rank == 0:
        say(config.to_json().rstrip())
    weights = load_model(start, torch_device)[0] if start else None
    if pictures and processes.rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        pictures.save(folder)
    done = run_fit(config, folder, dataset, torch_device, resume=bool(resume), begin=weights, processes=processes)
    processes.leave()
    if not done:
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
@_run
@click.option("--reduce", type=click.IntRange(1, 8), default=None, help="Look at squares of so many pixels a side.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Of the optimiser.  [default: 6000]")
@click.option("--seed", type=click.IntRange(0), default=None)
@_data_dir
@_device
@_threads
def detector(run: Path, data_dir: Path | None, device: str | None, threads: int | None, **changes: Any) -> None:
    """Train a network that finds faults, beside a run: on its normal pictures, with faults drawn into them.

    It is exported with the run, and scores by the method "faults". Stopped, the same command goes on.

    \b
    Example:
      python -m train detector runs/parts
    """
    from .checkpoint import read_config
    from .detection import fit_detector
    from .detector import DetectorConfig, default_reduction
    from .devices import choose_device
    from .progress import say
    from .sources import load

    config = read_config(run)
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
    from .devices import choose_device
    from .plots import plot_run
    from .sources import load

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    for path in plot_run(run, model, config, load(config, run, directory=data_dir), torch_device):
        click.echo(path)
