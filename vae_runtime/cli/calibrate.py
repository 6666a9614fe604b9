"""`vae calibrate`: normal pictures give a model its false-alarm rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--tile", is_flag=True, help="For `vae score --tile`.")
@click.option("-o", "--output", required=True, help="Model folder to write; may be the one of -m.")
@many_options
@model_options
def calibrate(
    images: tuple[str, ...], tile: bool, output: str, shard: tuple[int, int], errors: str | None, **choice: Any
) -> None:
    """Score normal pictures that the model was not trained on, and keep their scores in the model.

    `vae score --false-alarm-rate` then knows how rare a score is. n pictures allow rates down to 1 / (n + 1).

    \b
    Example:
      vae calibrate good-parts/ -m my-model -o my-model
    """
    from ..checks.calibrate import calibration, tiled_calibration, write_calibrated
    from ..model.location import locate
    from ..model.writing import check_target

    model = ModelChoice(**choice)
    check_target(Path(output))
    vae = model.open()
    pictures = Pictures(images, vae.manifest.image, shard=shard, errors=errors)
    if tile:
        found = tiled_calibration(vae, (windows for _, windows, _ in pictures.tiled()))
    else:
        found = calibration(vae, (batch for _, batch in pictures.batches()))
    write_calibrated(locate(model.path), Path(output), found)
    outputs.wrote(output, f"a model calibrated with {pictures.done} pictures")
    pictures.finish()
