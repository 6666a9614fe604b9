"""The command `vae`, called by tests."""

import os
import subprocess
import sys

from click.testing import CliRunner

from vae_runtime.cli import main


def vae_(*arguments, code=0, **options):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert code is None or result.exit_code == code, result.output
    return result


def process(*arguments, cwd, root, stdin=None, environment=None):
    """The command in a process of its own, bytes in and out."""
    return subprocess.run(
        [sys.executable, "-m", "vae_runtime", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root), **(environment or {})},
        input=stdin,
        capture_output=True,
    )
