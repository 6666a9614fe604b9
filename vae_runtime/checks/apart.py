"""`verify` in a process of its own: a model that ends the process, or never answers, is an error like any other.

The gate lets no graph through that is known to do either; this is for what nobody knows yet.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import IntegrityError, VAEError
from ..model.providers import full_names
from .equality import Equality
from .verify import Report, TensorCheck, verify

SECONDS = 120.0
MEMORY = 4 * 2**30  # bytes of data, on the CPU alone: other providers map what they like


def verify_apart(
    folder: Path,
    *,
    providers: str | Iterable[str],
    threads: int | None,
    precision: str,
    digest: str | None = None,
    seconds: float = SECONDS,
) -> Report:
    """As `verify`, deterministic, but a crash, more than 4 GiB or more than `seconds` is an IntegrityError."""
    if getattr(sys, "frozen", False):  # part of an application of one file: there is no interpreter to start
        return verify(folder, providers=providers, threads=threads, precision=precision, digest=digest)
    names = full_names(providers)
    asked = {"folder": str(folder), "providers": names, "threads": threads, "precision": precision, "digest": digest}
    command = [sys.executable, "-m", "vae_runtime.checks.apart"]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked).encode(), env=_environment(), capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise IntegrityError(f"{folder} did not answer within {seconds:g} seconds and was stopped.") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise IntegrityError(f"{folder} ended the process that ran it ({_reason(done)}); do not use it.") from None
    if "error" in answer:
        known: type[VAEError] = getattr(errors, answer["error"])
        raise known(answer["message"])
    tensors = [TensorCheck(*check) for check in answer.pop("tensors")]
    bits = answer.pop("bits")
    return Report(**answer, tensors=tensors, bits=Equality(*bits) if bits else None)


def _environment() -> dict[str, str]:
    """This process's, in which the child finds this very package, however it was found here."""
    here = str(Path(__file__).resolve().parent.parent.parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return last[0][:200] if last else f"exit code {done.returncode}"


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if most < 0 else min(MEMORY, most), most))


def _main() -> None:
    asked = json.load(sys.stdin)
    if asked["providers"] == ["CPUExecutionProvider"]:
        _limit_memory()
    try:
        answer = verify(Path(asked.pop("folder")), **asked)._asdict()
    except VAEError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
