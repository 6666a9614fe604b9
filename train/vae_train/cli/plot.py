"""`vae plot`: the pictures of a run."""

from __future__ import annotations

from pathlib import Path

import click

from vae_runtime.console import show

from .options import data_dir_option, device_option, run_argument, threads_option


@click.command()
@run_argument
@data_dir_option
@device_option
@threads_option
def plot(run: Path, data_dir: Path | None, device: str | None, threads: int | None) -> None:
    """Draw the pictures of a run.

    Samples, reconstructions, interpolation, latent map and loss curves, in RUN/plots.

    \b
    Example:
      vae plot runs/mlp-2d
    """
    from ..checkpoint import load_model
    from ..data.sources import load
    from ..devices import choose_device
    from ..measure.plots import plot_run

    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    for path in plot_run(run, model, config, load(config, run, directory=data_dir), torch_device):
        show(str(path))
