"""Options that several verbs of training share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

LARGEST_SEED = 2**63 - 1  # of torch's generators

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The pictures of a run, or MNIST's four idx files, if not where the run noted, $VAE_DATA_DIR or the cache.",
)
device_option = click.option(
    "--device", default=None, help="torch device, such as cuda. Default: an accelerator, else cpu."
)
threads_option = click.option("--threads", type=click.IntRange(1), default=None, help="CPU threads. Default: torch's.")
seed_option = click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=None)
run_argument = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that the command line gives; a repeatable one that was not given is empty."""
    return {name: chosen for name, chosen in options.items() if chosen not in (None, ())}
