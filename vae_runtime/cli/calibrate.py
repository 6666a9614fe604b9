"""`vae calibrate`: normal pictures give a model its false-alarm rates."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..console import say
from ..errors import InputError
from .inputs import Inputs
from .options import Many, ModelChoice, images_argument, many_options, model_options

if TYPE_CHECKING:
    from ..checks.thinning import Calibration
    from ..vae import VAE


class _Target(NamedTuple):
    """The folder to write, what it held before, and what to do if another model lies there."""

    folder: Path
    digest: str | None
    advice: str


@click.command()
@images_argument
@click.option("--tile", is_flag=True, help="For `vae score --tile`.")
@click.option("-o", "--output", help="Folder for a calibrated copy.  [default: the model of -m itself]")
@click.option("--replace", is_flag=True, help="With -o: in place of another model, which is lost.")
@many_options
@model_options
def calibrate(
    images: tuple[str, ...], tile: bool, output: str | None, replace: bool, many: Many, model: ModelChoice
) -> None:
    """Give a model its false-alarm rates, from normal pictures.

    Pictures that the model was not trained on are scored, and their scores kept in the model. `vae score
    --false-alarm-rate` then knows how rare a score is. n pictures allow rates down to 1 / (n + 1). Of very many scores
    some are kept, evenly spaced, 5,000 or more of each method: rates hold, small ones may be gone.

    The model of -m is calibrated where it is. The built-in one is not written: give -o for a calibrated copy of it.

    \b
    Example:
      vae calibrate good-parts/ -m my-model
    """
    from ..checks.calibrate import write_calibrated
    from ..checks.familiar import familiar
    from ..checks.thinning import thinning

    target = _checked_target(images, tile, output, replace, model)
    vae = model.open()
    inputs = Inputs(images, vae, many, built_in=model.built_in)
    scores = _scores(vae, inputs, tile)
    before, after = write_calibrated(
        model.folder,
        target.folder,
        scores,
        scored=vae.manifest,
        replace=replace,
        meant=target.advice,
        expected=target.digest,
    )
    if not tile and (hint := familiar(vae.manifest.training, scores.get("elbo", ()))):
        say(hint)
    if fewer := thinning({**before.calibration, **scores}, after.calibration):
        say(fewer)
    say(f"Wrote the model {vae.manifest.name!r} calibrated with {inputs.done} pictures to {target.folder}")
    inputs.finish()


def _scores(vae: VAE, inputs: Inputs, tile: bool) -> Calibration:
    from ..checks.calibrate import calibration, tiled_calibration

    if tile:
        return tiled_calibration(vae, (picture for _, picture in inputs.opened()))
    return calibration(vae, (batch.images for batch in inputs.batches()))


def _checked_target(
    images: tuple[str, ...], tile: bool, output: str | None, replace: bool, model: ModelChoice
) -> _Target:
    """Where to write, if that may be: never the folder in the package, and no other model's without --replace."""
    from ..model import manifest as manifests
    from ..model.scores import calibrate_command
    from ..model.writing import check_target

    pictures = shlex.join(images) if len(images) < 4 else "FOLDER"
    folder = _folder(model, output, pictures, tile)
    advice = f"to calibrate that one, {calibrate_command(folder, tiled=tile, pictures=pictures)}"
    digest = manifests.digest_of(folder)
    check_target(folder, manifests.read(model.folder), replace=replace, meant=advice)
    return _Target(folder, digest, advice)


def _folder(model: ModelChoice, output: str | None, pictures: str, tile: bool) -> Path:
    from ..model.location import is_built_in
    from ..model.scores import calibrate_command

    copy = calibrate_command(None, tiled=tile, pictures=pictures)
    if output is None and model.path is None:
        there = calibrate_command("MODEL", tiled=tile, pictures=pictures)
        raise InputError(f"say which model to calibrate: {there}; or copy the built-in one, calibrated: {copy}")
    folder = Path(output if output is not None else model.path)  # type: ignore[arg-type]
    if is_built_in(folder):
        raise InputError(f"{folder} is the built-in model, which stays as it is; calibrate a copy of it: {copy}")
    return folder
