"""`vae fit`: from options to a request, and on to `fit/run.py`."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vae_runtime.console import say
from vae_runtime.spec import FITS, RESAMPLES
from vae_runtime.stopping import end_by

from ..config import AUGMENTATIONS, LIKELIHOOD_NAMES, PRESETS, PRIOR_NAMES
from .options import data_dir_option, device_option, given, seed_option, threads_option

if TYPE_CHECKING:
    from ..fit.plan import FitRequest

NOT_AUGMENTED = "none"


@click.command()
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Which model and recipe to start from.  [of pictures: conv]"
)
@click.option("--data", default=None, help="mnist, digits, or a folder of pictures.  [default: mnist]")
@data_dir_option
@click.option(
    "--val", "validation", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Pictures to test with."
)
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
@click.option("--likelihood", type=click.Choice(LIKELIHOOD_NAMES), default=None, help="p(x|z).")
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
@click.option("--prior", type=click.Choice(PRIOR_NAMES), default=None, help="p(z).")
@click.option("--labels", type=click.IntRange(0), default=None, help="Classes for the flow to tell apart.")
@click.option("--only-prior", is_flag=True, default=None, help="With --from: keep its encoder and decoder.")
@click.option("--targets", type=click.Choice(["binarised", "grey"]), default=None, help="Side of the likelihood.")
@click.option("--grey-share", type=click.FloatRange(0, 1), default=None, help="Of a batch, images not binarised.")
@click.option("--validation-images", type=click.IntRange(0), default=None, help="Held out to choose the best epoch.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default=None)
@seed_option
@device_option
@threads_option
@click.option("--dry-run", is_flag=True, help="Print the resolved config as JSON and stop.")
def fit(*, dry_run: bool, **options: Any) -> None:
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
    from ..fit.run import resolve, run

    request = _request(options)
    if dry_run:
        click.echo(resolve(request).to_json(), nl=False)
        return
    outcome = run(request)
    if outcome.stopped_by:
        end_by(outcome.stopped_by)
    if outcome.is_writer:
        for sentence in (*outcome.verdict, f"Done. Next: vae evaluate {shlex.quote(str(outcome.folder))}"):
            say(sentence)


def _request(options: dict[str, Any]) -> FitRequest:
    """What the command line asks for; options that are no fields of a request are those of a config."""
    from ..fit.plan import FitRequest

    chosen = given(options)
    if "augment" in chosen:
        chosen["augment"] = tuple(kind for kind in chosen["augment"] if kind != NOT_AUGMENTED)
    own = {field.name for field in fields(FitRequest)} & chosen.keys()
    return FitRequest(**{name: chosen.pop(name) for name in own}, changes=chosen)
