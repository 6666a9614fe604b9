"""`vae train DATA -o MODEL`: the whole way, from pictures to a model that can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from vae_train.cli.options import data_dir_option, device_option, threads_option
from vae_train.config import PRESETS

from vae_runtime.cli.usage import Command
from vae_runtime.spec import MODES


@click.command(cls=Command)
@click.argument("data", type=click.Path())
@click.option(
    "-o",
    "--output",
    "model",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the model.",
)
@click.option(
    "--run", type=click.Path(path_type=Path, file_okay=False), help="Folder for the run.  [default: MODEL-run]"
)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=30, show_default=True, help="To train for.")
@click.option("--preset", type=click.Choice(list(PRESETS)), default="conv", show_default=True, help="Kind of network.")
@click.option("--size", help="Of pictures: 64, or WIDTHxHEIGHT.  [default: as they are, up to 64]")
@click.option("--mode", type=click.Choice(list(MODES)), help="Grey or colour.  [default: as they are]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--int8", is_flag=True, help="Also 8-bit graphs, if they lose little and run faster here.")
@click.option("--license", default="Apache-2.0", show_default=True, help="SPDX name of the model's licence.")
@click.option("--replace", is_flag=True, help="In place of another model that lies in MODEL, which is lost.")
@data_dir_option
@device_option
@threads_option
def train(data: str, model: Path, run: Path | None, **options: Any) -> None:
    """Go the whole way from pictures to a checked model.

    DATA is a folder of pictures, or a data set by name: digits, mnist. Part of it is held out: some pictures choose the
    best weights, others measure and calibrate the model, and neither are fitted. MODEL is verified and knows its
    false-alarm rates; the run lies in MODEL-run, with report.html, which shows all of it.

    Stopped by Ctrl-C or a power cut, the same command goes on where it was. `vae fit`, `vae evaluate`, `vae plot`,
    `vae export` and `vae calibrate` are the same steps one by one, with more options.

    \b
    Examples:
      vae train photos/ -o my-model
      vae train digits -o my-model --minutes 2
    """
    from ..end_to_end.request import TrainRequest
    from ..end_to_end.steps import go

    go(TrainRequest.of(data, model=model, run=run, **options))
