"""Options that several verbs of training share."""

from __future__ import annotations

from pathlib import Path

import click

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The pictures of a run, or MNIST's four idx files, if not where the run noted, $VAE_DATA_DIR or the cache.",
)
device_option = click.option(
    "--device", default=None, help="torch device, such as cuda. Default: an accelerator, else cpu."
)
threads_option = click.option("--threads", type=click.IntRange(1), default=None, help="CPU threads. Default: torch's.")
run_argument = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
