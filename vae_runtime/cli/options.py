"""Options that every verb shares, and the model they open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from . import completion

if TYPE_CHECKING:
    from ..vae import VAE

Command = TypeVar("Command", bound=Callable[..., Any])

COUNT = click.IntRange(1, 2**31 - 1)  # of images to make
NUMBER = click.IntRange(0, 2**64 - 1)  # of a sample, and seeds


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

    @property
    def built_in(self) -> bool:
        """Whether nobody named a model; verbs then say which one answers, `sample` alone does not."""
        return self.path is None


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
            "-m",
            "--model",
            "path",
            envvar="VAE_MODEL",
            show_envvar=True,
            shell_complete=completion.folder,
            help="Model folder.  [default: built in]",
        ),
    ):
        command = option(command)
    return command


class _Shard(click.ParamType):  # type: ignore[type-arg]
    """i/n as (i, n)."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        first, _, count = str(value).partition("/")
        if isinstance(value, tuple):
            return value
        if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
            self.fail(f"{value!r} is no part such as 2/8, the second of eight.", param, ctx)
        return int(first), int(count)


def many_options(command: Command) -> Command:
    """Add --shard and --errors; the command passes them on to `Pictures`."""
    for option in (
        click.option("--errors", type=click.Path(dir_okay=False), help="File for a line on each input that failed."),
        click.option("--shard", type=_Shard(), default=(1, 1), help="Only every n-th input, from the i-th on: 2/8."),
    ):
        command = option(command)
    return command


seed_option = click.option("--seed", type=NUMBER, default=0, show_default=True)


overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Also replace files that are no results of an earlier run."
)


def output_option(help: str) -> Callable[[Command], Command]:
    """The options -o, where `-` is standard output, and --overwrite."""
    output = click.option("-o", "--output", required=True, shell_complete=completion.file, help=help)
    return lambda command: output(overwrite_option(command))
