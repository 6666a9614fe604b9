"""`vae info`: what a model is."""

from __future__ import annotations

import click

from ..console import show, write_stdout
from .options import large_option, model_option


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The manifest, as it is.")
@model_option
@large_option
def info(as_json: bool, path: str | None, large: bool) -> None:
    """Say what a model is, and how much memory it needs.

    It reads the manifest and the shapes in the graphs, and runs none.

    \b
    Example:
      vae info --json
    """
    from ..model import manifest as manifests
    from ..model.limits import LARGE
    from ..model.location import locate
    from .facts import table

    folder = locate(path)
    manifest = manifests.read(folder, limits=LARGE)
    if as_json:
        write_stdout(manifest.to_json())
        return
    for line in table(manifest, folder, large=large):
        show(line)
