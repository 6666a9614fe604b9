"""`vae detector`: a network that finds faults, beside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vae_runtime.errors import InputError
from vae_runtime.stopping import end_by

from .options import data_dir_option, device_option, run_argument, threads_option


@click.command()
@run_argument
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
    """Train a network that finds small faults, beside a run.

    It learns from the run's normal pictures, with faults drawn into them. It is exported with the run, and scores by
    the method "faults". Stopped, the same command goes on.

    \b
    Example:
      vae detector runs/parts
    """
    from ..checkpoint import read_config
    from ..data.sources import load
    from ..detector.network import DetectorConfig, default_reduction
    from ..detector.training import fit_detector, is_finished
    from ..devices import choose_device
    from ..progress import say

    config = read_config(run)
    if is_finished(run) and not replace:
        raise InputError(f"{run} has a detector already; --replace trains another one in its place.")
    changes = {name: change for name, change in changes.items() if change is not None}
    found = DetectorConfig(**{"reduce": default_reduction(config.image_shape), **changes})
    torch_device = choose_device(device, threads)
    pictures, signals = load(config, run, directory=data_dir), list[int]()
    figures = fit_detector(run, found, pictures, config.augment, torch_device, signals=signals)
    if figures is None:
        end_by(signals[0])
    auc = figures["detector_drawn_faults_auc"]
    say(f"Done: drawn faults in held-out pictures are told with an AUROC of {auc:.3f}. Next: vae export {run} …")
