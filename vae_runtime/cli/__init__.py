"""The command `vae`: each verb a thin skin over one method. Imports click alone until a verb runs.

Exit codes: 0 done; 1 some inputs failed and the rest is written; 2 usage or bad input; 3 backend or provider missing;
4 model invalid;
10 something is anomalous (`vae score --exit-code`).
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Any

import click

from .. import __version__
from ..errors import IntegrityError, ManifestError, ProviderError, VAEError
from . import outputs
from .bench import bench
from .calibrate import calibrate
from .doctor import doctor
from .generate import decode, interpolate, sample, vary
from .inspect import info, verify
from .look import encode, reconstruct
from .score import score
from .usage import Group
from .web import web

SOME_FAILED, BAD_INPUT, NO_BACKEND, BAD_MODEL = 1, 2, 3, 4


class _Group(Group):
    """Turns every expected error into one line on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # letters that the terminal's encoding has not
        try:
            with warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")  # libraries warn programmers; users are told by sentences
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of a pipe left; click ends quietly
        except (VAEError, OSError, MemoryError) as error:
            outputs.say(f"vae: error: {_sentence(error)}")
            sys.exit(_exit_code(error))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vae")
def main() -> None:
    """Sample, encode, reconstruct, interpolate and score images with a variational autoencoder, without torch.

    A folder given as input stands for the pictures in it, recursively; - is standard input or output. Results go to
    stdout, everything else to stderr. A file of results replaces one of an earlier run, and another file with
    --overwrite alone.

    Exit codes: 0 done, 1 some inputs failed (the rest is written), 2 usage or bad input, 3 backend or provider missing,
    4 model invalid, 10 something is anomalous (score --exit-code).

    \b
    Example:
      vae sample -n 25 -o samples.png
    """


for _verb in (
    sample,
    encode,
    decode,
    reconstruct,
    vary,
    interpolate,
    score,
    calibrate,
    info,
    verify,
    doctor,
    bench,
    web,
):
    main.add_command(_verb)


def _exit_code(error: Exception) -> int:
    if isinstance(error, ProviderError):
        return NO_BACKEND
    return BAD_MODEL if isinstance(error, (ManifestError, IntegrityError)) else BAD_INPUT


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'standard output'}: {error.strerror}."
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error or 'no more is known'}); ask for less at once."
    return str(error)
