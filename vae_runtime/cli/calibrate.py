"""`vae calibrate`: normal pictures give a model its false-alarm rates."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from ..errors import InputError
from . import completion, outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options, overwrite_option


@click.command()
@click.argument("images", nargs=-1, required=True, shell_complete=completion.file)
@click.option("--tile", is_flag=True, help="For `vae score --tile`.")
@click.option("-o", "--output", help="Folder for a calibrated copy.  [default: the model of -m itself]")
@click.option("--replace", is_flag=True, help="With -o: in place of another model, which is lost.")
@overwrite_option
@many_options
@model_options
def calibrate(
    images: tuple[str, ...],
    tile: bool,
    output: str | None,
    replace: bool,
    shard: tuple[int, int],
    errors: str | None,
    overwrite: bool,
    **choice: Any,
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
    from ..checks.calibrate import calibration, tiled_calibration, write_calibrated
    from ..checks.familiar import familiar
    from ..checks.thinning import thinning
    from ..model import manifest as manifests
    from ..model.location import locate
    from ..model.scores import calibrate_command
    from ..model.writing import check_target

    model = ModelChoice(**choice)
    given = shlex.join(images) if len(images) < 4 else "FOLDER"
    target = _target(model, output, given, tile)
    meant = f"to calibrate that one, {calibrate_command(target, tiled=tile, pictures=given)}"
    there = manifests.digest_of(target)
    check_target(target, manifests.read(locate(model.path)), replace=replace, meant=meant)
    vae = model.open()
    pictures = Pictures(images, vae.manifest, built_in=model.built_in, shard=shard, errors=errors, overwrite=overwrite)
    if tile:
        found = tiled_calibration(vae, ((windows for windows, _ in parts) for _, _, parts in pictures.tiled()))
    else:
        found = calibration(vae, (batch for _, batch in pictures.batches()))
    before, after = write_calibrated(
        locate(model.path), target, found, scored=vae.manifest, replace=replace, meant=meant, expected=there
    )
    if not tile and (hint := familiar(vae.manifest.training, found["elbo"])):
        outputs.say(hint)
    if fewer := thinning({**before.calibration, **found}, after.calibration):
        outputs.say(fewer)
    outputs.wrote(str(target), f"the model {vae.manifest.name!r} calibrated with {pictures.done} pictures")
    pictures.finish()


def _target(model: ModelChoice, output: str | None, pictures: str, tile: bool) -> Path:
    """The folder to write, which is never the one in the package."""
    from ..model.location import is_built_in
    from ..model.scores import calibrate_command

    copy = calibrate_command(None, tiled=tile, pictures=pictures)
    if output is None and model.path is None:
        there = calibrate_command("MODEL", tiled=tile, pictures=pictures)
        raise InputError(f"say which model to calibrate: {there}; or copy the built-in one, calibrated: {copy}")
    target = Path(output if output is not None else model.path)  # type: ignore[arg-type]
    if is_built_in(target):
        raise InputError(f"{target} is the built-in model, which stays as it is; calibrate a copy of it: {copy}")
    return target
