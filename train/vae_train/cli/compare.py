"""`vae compare`: evaluated runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from vae_runtime.cli.keeping import claim
from vae_runtime.cli.options import overwrite_option
from vae_runtime.files import check_output
from vae_runtime.printable import printable


@click.command()
@click.argument("runs", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw NLL against parameters.")
@overwrite_option
def compare(runs: tuple[Path, ...], as_json: bool, picture: Path | None, overwrite: bool) -> None:
    """Put the figures of several evaluated runs side by side.

    A RUN is a run's folder or an artifact's checkpoint folder.

    \b
    Example:
      vae compare runs/mlp runs/conv artifacts/mnist/checkpoint
    """
    from ..measure.compare import figures, table, to_json

    if picture:
        check_output(picture)
        claim([picture], overwrite=overwrite)
    click.echo(to_json(runs) if as_json else table({str(run): figures(run) for run in runs}))
    if picture:
        from ..measure.plots import nll_curve, save_figure

        save_figure(picture, nll_curve({printable(run): figures(run) for run in runs}))
