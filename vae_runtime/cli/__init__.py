"""The command `vae`: each verb a thin skin over one method. Imports click alone until a verb runs.

Exit codes: 0 done; 1 some inputs failed and the rest is written; 2 usage, bad input or too little memory; 3 engine or
provider missing, or failed; 4 model invalid; 10 something is anomalous (`vae score --exit-code`); 141 who read standard
output has left.
Ctrl-C, SIGTERM and SIGHUP end the process themselves (`stopping.py`): to a shell 130, 143, 129.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Any

import click

from .. import __version__
from ..console import say
from ..errors import VAEError
from ..stopping import is_stopping, reader_left
from . import extras, verbs
from .usage import Group

SOME_FAILED, BAD_INPUT = 1, 2


class _Group(Group):
    """Verbs in three groups, imported when asked for; every expected error is one line on stderr and its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(verbs.MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return verbs.load(cmd_name) if cmd_name in verbs.MODULES else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, verbs.MODULES))
        for title, names in verbs.GROUPS.items():
            commands = {name: verbs.load(name) for name in names}
            with formatter.section(title):
                formatter.write_dl([(name, item.get_short_help_str(limit)) for name, item in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in verbs.EXTRAS and not (ctx.resilient_parsing or {*ctx.help_option_names} & {*rest}):
            extras.require(verbs.EXTRAS[name], name)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # letters that the terminal's encoding has not
        try:
            with warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")  # libraries warn programmers; users are told by sentences
                return super().invoke(ctx)
        except BrokenPipeError:
            reader_left()
        except ModuleNotFoundError as error:  # of a data set or a device that not every use of a verb has
            if ctx.invoked_subcommand not in verbs.EXTRAS:
                raise
            say(f"vae: error: {error.name} is not installed; try: pip install 'vae-runtime[train]'")
            sys.exit(extras.MissingExtra.exit_code)
        except (VAEError, OSError, MemoryError) as error:
            if not is_stopping():
                say(f"vae: error: {_sentence(error)}")
            sys.exit(_exit_code(error))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vae")
def main() -> None:
    """Make variational autoencoders, and run them anywhere.

    A folder given as input stands for the pictures in it, recursively; - is standard input or output. Results go to
    stdout, everything else to stderr. A file of results replaces one of an earlier run, and another file with
    --overwrite alone.

    Exit codes: 0 done, 1 some inputs failed (the rest is written), 2 usage, bad input or too little memory, 3 engine or
    provider missing, or failed, 4 model invalid, 10 something is anomalous (score --exit-code); 130 stopped by Ctrl-C,
    143 by SIGTERM, 141 if who reads the output leaves, as head does.

    \b
    Example:
      vae sample -n 25 -o samples.png
    """


def _exit_code(error: Exception) -> int:
    return error.exit_code if isinstance(error, VAEError) else BAD_INPUT


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error or 'no more is known'}); free some, or ask for less at once."
    return str(error)
