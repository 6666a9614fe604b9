"""A function of this package in a Python process of its own, which imports nothing that lies about and ends with it.

`-I` keeps the working directory off the child's path before any of our code could (for a script of `-m`, and since 3.13
of `-c`, Python itself imports from there first), and whatever PYTHON… variables name. What is left out with them, such
as the user's own site-packages, is handed over with the path of this process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..search_path import ROOT, trusted_path

# The package by itself first: no other module is looked for where it lies, unless its place is on the path.
_BEGIN = (
    "import sys; sys.path[:] = sys.argv[1:2]; import vae_runtime; sys.path[:] = sys.argv[2:]; "
    "from vae_runtime.checks.child import answer; answer()"
)
_TICK = 0.5  # seconds
_SPARE = 30  # seconds that a child outlives its limit by, should nobody be there to end it


class Outcome(NamedTuple):
    """What came of a child: its answer, or how it ended without one."""

    answer: Any = None
    answered: bool = False
    returncode: int = 0  # below 0: minus the signal that ended it
    said: str = ""  # the last line on its stderr


def ask(module: str, *, seconds: float, tick: Callable[[], None] | None = None, **arguments: Any) -> Outcome:
    """Call `answer(**arguments)` of a module in a new process; arguments and answer are what JSON can say.

    A child that does not answer within so many seconds is ended, and subprocess.TimeoutExpired raised. tick: called
    twice a second until it answers.
    """
    request = json.dumps({"module": module, "seconds": seconds, "arguments": arguments}) + "\n"
    with subprocess.Popen(_command(), stdin=-1, stdout=-1, stderr=-1) as child:
        try:
            output, errors = _exchange(child, request.encode(), seconds, tick)
        finally:  # also if this process is told to stop
            child.kill()
    last = errors.decode(errors="replace").strip().splitlines()[-1:]
    try:
        return Outcome(json.loads(output), True)
    except ValueError:
        return Outcome(None, False, child.returncode, last[0][:200] if last else "")


def _command() -> list[str]:
    flags = ["-I", f"-Xutf8={sys.flags.utf8_mode}", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *flags, "-c", _BEGIN, ROOT, *trusted_path()]


def _exchange(
    child: subprocess.Popen[bytes], request: bytes, seconds: float, tick: Callable[[], None] | None
) -> tuple[bytes, bytes]:
    """Send the request and wait for the end of the child; its open stdin tells it that this process lives."""
    assert child.stdin and child.stdout and child.stderr
    parts: dict[str, bytes] = {}
    readers = [
        threading.Thread(target=lambda name=name, pipe=pipe: parts.update({name: pipe.read()}), daemon=True)
        for name, pipe in (("output", child.stdout), ("errors", child.stderr))
    ]
    for reader in readers:
        reader.start()
    try:
        child.stdin.write(request)
        child.stdin.flush()
    except BrokenPipeError:  # it is dead already; how, is told below
        pass
    _wait(child, seconds, tick)
    for reader in readers:
        reader.join()
    return parts["output"], parts["errors"]


def _wait(child: subprocess.Popen[bytes], seconds: float, tick: Callable[[], None] | None) -> None:
    end = time.monotonic() + seconds
    while tick is not None and (left := end - time.monotonic()) > _TICK:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(min(_TICK, left))
            return
        tick()
    child.wait(max(0.0, end - time.monotonic()))


def answer() -> None:
    """In the child: do what is asked, and say what came of it on the stdout that it was given."""
    request = json.loads(sys.stdin.buffer.readline() or sys.exit(1))
    if hasattr(signal, "alarm"):  # the system's own clock, which neither a lock of Python's nor a graph stops
        signal.alarm(int(request["seconds"]) + _SPARE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    json.dump(importlib.import_module(request["module"]).answer(**request["arguments"]), output)
    output.flush()
    os._exit(0)


def _end_with_parent() -> None:
    """Its end of the pipe closes with the parent, however that ended."""
    os.read(0, 1)
    os._exit(1)
