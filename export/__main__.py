"""`python -m export RUN FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vae_runtime.errors import InputError, VAEError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--license", default="Apache-2.0", show_default=True, help="SPDX name of the model's licence.")
def main(run: Path, folder: Path, license: str) -> None:
    """Export RUN, or an artifact's checkpoint folder, to the model FOLDER.

    The graphs are compared with torch and read back by the runtime first; if a check fails, nothing is written.

    \b
    Example:
      python -m export runs/conv artifacts/mnist
    """
    from .folder import export

    try:
        found = export(run, folder, license=license)
    except (VAEError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
    click.echo("Largest differences from torch: " + ", ".join(f"{name} {value:.2e}" for name, value in found.items()))
    click.echo(f"Wrote {folder}. Next: vae verify -m {folder}")


if __name__ == "__main__":
    main()
