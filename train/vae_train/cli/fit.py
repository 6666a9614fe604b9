"""`vae fit`: from options to a config, and on to the loop."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import signal
from pathlib import Path
from typing import Any

import click

from vae_runtime.errors import InputError
from vae_runtime.spec import FITS, RESAMPLES
from vae_runtime.stopping import end_by

from ..config import AUGMENTATIONS, PRESETS, Config
from .options import data_dir_option, device_option, threads_option

NOT_AUGMENTED = "none"
GIVEN_ANEW = {"epochs", "minutes", "patience", "importance_share"}  # with --resume


@click.command()
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Which model and recipe to start from.  [of pictures: conv]"
)
@click.option("--data", default=None, help="mnist, digits, or a folder of pictures.  [default: mnist]")
@data_dir_option
@click.option("--val", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Pictures to test with.")
@click.option("--size", default=None, help="Of pictures: 64, or WIDTHxHEIGHT.  [default: as they are, up to 64]")
@click.option("--mode", type=click.Choice(["L", "RGB"]), default=None, help="Grey or colour.  [default: as they are]")
@click.option("--fit", type=click.Choice(FITS), default=None, help="How a picture comes to that shape.")
@click.option("--resample", type=click.Choice(RESAMPLES), default=None, help="Filter that pictures are scaled with.")
@click.option("--invert", is_flag=True, default=None, help="Of pictures: dark on light becomes light on dark.")
@click.option("--patches", type=click.IntRange(1), default=None, help="Random crops of each picture, not scaled.")
@click.option(
    "--augment",
    type=click.Choice((*AUGMENTATIONS, NOT_AUGMENTED)),
    multiple=True,
    help="Random changes; repeatable.  [default: flip, where held-out pictures are likelier so]",
)
@click.option("--likelihood", type=click.Choice(["bernoulli", "gaussian"]), default=None, help="p(x|z).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the new run.")
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Begin with this run's weights; a deeper network begins as the same function.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    help="Go on with this run, bit for bit with as many --threads.",
)
@click.option("--epochs", type=click.IntRange(1), default=None, help="How often each image is seen.")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Time to train, of the whole run.  [of pictures: 30]",
)
@click.option(
    "--patience", type=click.IntRange(0), default=None, help="Epochs to go on without a better held-out bound; 0: all."
)
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
@device_option
@threads_option
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
    """Train a run on pictures or a data set, or go on with one.

    Ctrl-C saves and prints the line that resumes. Under torchrun the processes share each batch, --batch-size images
    each, and the first one writes; a run goes on with any number of processes and threads, bit for bit with as many.

    \b
    Examples:
      vae fit --preset conv --data mnist --out runs/conv
      vae fit --resume runs/conv --epochs 120
      vae fit --data photos/ --minutes 10 --out runs/photos
      torchrun --nproc-per-node 8 --no-python vae fit --preset conv --out runs/conv
    """
    from ..checkpoint import read_config, require_new_run
    from ..data.sources import NAMES, begin, load, require_outside
    from ..devices import choose_device, resolve_precision

    changes = {name: change for name, change in changes.items() if change not in (None, ())}
    if "epochs" in changes and "minutes" in changes:
        raise InputError("--epochs and --minutes both say how long to train; give one of them.")
    if resume:
        if preset or out or start or data or val or size or mode or set(changes) - GIVEN_ANEW:
            raise InputError(
                "--resume goes on with the run's own config; of it, only --epochs, --minutes, --patience and "
                "--importance-share can be given anew."
            )
        config, folder, pictures = read_config(resume), resume, None
    elif out and (preset or data not in (None, *NAMES)):
        config, pictures = begin(
            PRESETS[preset or "conv"](), data or "mnist", val=val, size=size, mode=mode, changes=changes
        )
        folder = out
        if pictures:
            require_outside(folder, pictures)
        if not dry_run:
            require_new_run(folder)
    else:
        raise InputError(
            "say which --preset to train, or give a folder of pictures as --data, and the --out folder of the run; "
            "or give --resume RUN."
        )
    if start:
        whole = start.resolve()  # only its name is kept: a model carries no path of the machine that made it
        changes["started_from"] = whole.parent.name if whole.name == "checkpoint" else whole.name
    torch_device = choose_device(device, threads)
    if "augment" in changes:
        changes["augment"] = tuple(kind for kind in changes["augment"] if kind != NOT_AUGMENTED)
    config = resolve_precision(dataclasses.replace(config, **changes), torch_device)
    _check(config)
    if dry_run and not pictures:
        click.echo(config.to_json(), nl=False)
        return
    from ..checkpoint import load_model
    from ..data.recipe import MINUTES, for_count, for_length
    from ..fit.lock import trained_alone
    from ..fit.loop import fit as run_fit
    from ..fit.mirrors import mirrors_help
    from ..measure.verdict import verdict
    from ..models.shortcut import pool_for
    from ..parallel import join
    from ..progress import say

    processes = join(torch_device)
    quiet = processes.rank > 0
    dataset = load(config, folder, directory=data_dir, pictures=pictures, say=(lambda text: None) if quiet else say)
    if pictures:
        config = dataclasses.replace(config, picture_sizes=dataset.sizes)
        config = for_count(config, len(dataset.train_images), at_once=max(1, config.patches))
        config = dataclasses.replace(config, **changes)
        if config.linear_pool:  # of the stages that --widths gives
            pool = pool_for(config.image_shape, len(config.widths))
            config = dataclasses.replace(config, linear_pool=pool)
        if not 0 <= config.validation_images < len(dataset.train_images):
            raise InputError(
                f"--validation-images is {config.validation_images}; there are {len(dataset.train_images):,} images to "
                "train on."
            )
        if not config.validation_images and not quiet:
            say(
                "warning: nothing is held out, so nothing will say how the model does on new pictures, and its noise "
                "will be too small for them. Give it more pictures, or --validation-images."
            )
        if "augment" not in changes and processes.of_first(float(mirrors_help(config, dataset))):
            config = dataclasses.replace(config, augment=("flip",))
        if not changes.keys() & {"epochs", "minutes"}:
            changes["minutes"] = MINUTES
    config = dataclasses.replace(config, **changes)
    if "epochs" in changes:  # on --resume, a run with a limit in time has none from here on
        config = dataclasses.replace(config, minutes=0.0)
    if not resume:
        config = dataclasses.replace(config, batch_size=config.batch_size * processes.size)
    if pictures and not config.minutes:
        config = for_length(config, config.epochs * -(-len(dataset.train_images) // config.batch_size))
    if dry_run:
        click.echo(config.to_json(), nl=False)
        return
    if processes.rank == 0:
        say(f"{summary(config)}; all of it in {folder / 'config.json'}.")
    weights, signals = load_model(start, torch_device)[0] if start else None, list[int]()
    with trained_alone(folder) if processes.rank == 0 else contextlib.nullcontext():
        if not resume and processes.rank == 0:
            require_new_run(folder)  # once more: another process may have begun it meanwhile
            if pictures:
                pictures.save(folder)
        done = run_fit(
            config,
            folder,
            dataset,
            torch_device,
            resume=bool(resume),
            begin=weights,
            processes=processes,
            signals=signals,
        )
    processes.leave()
    if not done:
        end_by(signals[0] if signals else signal.SIGINT)
    if processes.rank == 0:
        for sentence in verdict(folder, config, dataset):
            say(sentence)
        say(f"Done. Next: vae evaluate {shlex.quote(str(folder))}")


def summary(config: Config) -> str:
    """A config in a line."""
    widths = "-".join(map(str, config.widths))
    augmented = f", --augment {' '.join(config.augment) or NOT_AUGMENTED}" if config.likelihood == "gaussian" else ""
    return (
        f"Preset {config.preset}: {config.latent_size} latents, widths {widths}, prior {config.prior}, likelihood "
        f"{config.likelihood}, batches of {config.batch_size}{augmented}, {config.precision}"
    )


def _check(config: Config) -> None:
    """Refuse options that do not go together."""
    if config.importance_share and config.importance_draws == 1:
        raise InputError(f"the preset {config.preset!r} has no --importance-share: its bound is of one draw.")
    if config.likelihood == "gaussian" and config.targets == "binarised":
        raise InputError("a Gaussian has no binary pixels; take --targets grey with --likelihood gaussian.")
    if config.only_prior and not (config.started_from and config.prior == "flow"):
        raise InputError(
            "--only-prior needs --from RUN, whose encoder and decoder it keeps, and a prior to train: flow."
        )
