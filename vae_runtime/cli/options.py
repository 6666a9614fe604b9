"""Options that verbs share; each set comes to a verb as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ..files import check_output
from . import completion

if TYPE_CHECKING:
    from pathlib import Path

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
    large: bool = False

    def open(self) -> VAE:
        """Load it."""
        from ..vae import VAE

        return VAE.load(
            self.path, providers=self.provider, threads=self.threads, precision=self.precision, large=self.large
        )

    @property
    def folder(self) -> Path:
        """Where it lies."""
        from ..model.location import locate

        return locate(self.path)

    @property
    def built_in(self) -> bool:
        """Whether nobody named a model; verbs then say which one answers, `sample` alone does not."""
        return self.path is None


class Many(NamedTuple):
    """Which of many inputs, and what becomes of those that fail."""

    shard: tuple[int, int] = (1, 1)  # i, n: every n-th from the i-th on, counted from 1
    errors: str | None = None  # a file
    overwrite: bool = False


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


class _Provider(click.ParamType):  # type: ignore[type-arg]
    """Names of execution providers, as they were typed."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from ..model.providers import full_names

        full_names(value)
        return value


class _File(click.Path):
    """A file that can be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        check_output(value)
        return value


PROVIDER = _Provider()

images_argument = click.argument("images", nargs=-1, required=True, shell_complete=completion.file)
model_option = click.option(
    "-m",
    "--model",
    "path",
    envvar="VAE_MODEL",
    show_envvar=True,
    shell_complete=completion.folder,
    help="Model folder.  [default: built in]",
)
large_option = click.option(
    "--large", is_flag=True, help="Also open a model of up to 16 GiB of memory; of someone you trust."
)
seed_option = click.option("--seed", type=NUMBER, default=0, show_default=True)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Also replace files that are no results of an earlier run."
)
skip_option = click.option("--skip-existing", is_flag=True, help="With -o DIR/: leave out what is there already.")


def output_option(help: str) -> Callable[[Command], Command]:
    """The option -o, where `-` is standard output."""
    return click.option("-o", "--output", required=True, shell_complete=completion.file, help=help)


def model_options(command: Command) -> Command:
    """Add -m, --provider, --threads, --precision and --large, and pass them on as `model`, a `ModelChoice`."""
    return added(
        command,
        "model",
        ModelChoice,
        model_option,
        click.option(
            "--provider",
            type=PROVIDER,
            default="cpu",
            show_default=True,
            help="Execution provider: cpu, cuda, ... or onnxruntime's name; several with commas.",
        ),
        click.option("--threads", type=click.IntRange(1), help="Processor threads.  [default: all available]"),
        click.option("--precision", default="float32", show_default=True, help="Which variant of the graphs."),
        large_option,
    )


def many_options(command: Command) -> Command:
    """Add --overwrite, --shard and --errors, and pass them on as `many`, a `Many`."""
    return added(
        command,
        "many",
        Many,
        overwrite_option,
        click.option("--shard", type=_Shard(), default=(1, 1), help="Only every n-th input, from the i-th on: 2/8."),
        click.option("--errors", type=_File(), help="File for a line on each input that failed."),
    )


def added(command: Command, name: str, kind: Any, *options: Callable[[Any], Any]) -> Command:
    """The command with these options, whose values come to it as one argument of this kind."""

    @functools.wraps(command)
    def called(**values: Any) -> Any:
        gathered = kind(**{field: values.pop(field) for field in kind._fields})
        return command(**values, **{name: gathered})

    for option in reversed(options):
        called = option(called)
    return called  # type: ignore[return-value]
