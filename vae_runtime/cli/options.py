"""Options that every verb shares, and the model they open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from ..vae import VAE

Command = TypeVar("Command", bound=Callable[..., Any])

COUNT = click.IntRange(1, 2**31 - 1)  # of images to make


class ModelChoice(NamedTuple):
    """Which model, and how to run it."""

    path: str | None
    provider: str
    threads: int | None
    precision: str

    def open(self) -> VAE:
        """Load it."""
        from ..vae import VAE

        return VAE.load(self.path, providers=self.provider, threads=self.threads, precision=self.precision)


def model_options(command: Command) -> Command:
    """Add -m, --provider, --threads and --precision; the command passes them on to `ModelChoice`."""
    for option in (
        click.option("--precision", default="float32", show_default=True, help="Which variant of the graphs."),
        click.option("--threads", type=click.IntRange(1), help="Processor threads.  [default: all available]"),
        click.option(
            "--provider",
            default="cpu",
            show_default=True,
            help="Execution provider: cpu, cuda, ... or onnxruntime's name; several with commas.",
        ),
        click.option(
            "-m", "--model", "path", envvar="VAE_MODEL", show_envvar=True, help="Model folder.  [default: built in]"
        ),
    ):
        command = option(command)
    return command


seed_option = click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True)


def output_option(help: str) -> Callable[[Command], Command]:
    """The -o option; `-` is standard output."""
    return click.option("-o", "--output", required=True, help=help)
