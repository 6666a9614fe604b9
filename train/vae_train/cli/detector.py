"""`vae detector`: a network that finds faults, beside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vae_runtime.console import say
from vae_runtime.stopping import end_by

from .options import data_dir_option, device_option, given, run_argument, seed_option, threads_option


@click.command()
@run_argument
@click.option("--reduce", type=click.IntRange(1, 8), default=None, help="Look at squares of so many pixels a side.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Of the optimiser.  [default: 6000]")
@seed_option
@click.option("--replace", is_flag=True, help="Train another one in the place of a finished one.")
@data_dir_option
@device_option
@threads_option
def detector(
    run: Path, data_dir: Path | None, device: str | None, threads: int | None, replace: bool, **changes: Any
) -> None:
    """Train a network that finds small faults, beside a run.

    It learns from the run's normal pictures, with faults drawn into them. It is exported with the run, and scores by
    the method "faults". Stopped, the same command goes on.

    \b
    Example:
      vae detector runs/parts
    """
    from ..detector.training import train_beside

    signals = list[int]()
    auc = train_beside(
        run, given(changes), directory=data_dir, device=device, threads=threads, replace=replace, signals=signals
    )
    if auc is None:
        end_by(signals[0])
    say(f"Done: drawn faults in held-out pictures are told with an AUROC of {auc:.3f}. Next: vae export {run} …")
