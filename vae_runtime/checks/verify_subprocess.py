"""`verify` in a process of its own: a model that ends the process, or never answers, is an error like any other.

The gate lets no graph through that is known to do either; this is for what nobody knows yet.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import IntegrityError, ProviderError, VAEError
from ..model.failures import lacked_memory
from ..model.limits import LARGE
from ..model.providers import full_names
from .child import Outcome, ask
from .equality import Equality
from .verify import Report, TensorCheck, verify

SECONDS = 600.0  # the shipped models take about one on a desktop; small boards are slow
# Bytes of data, on the CPU alone: other providers map what they like. Of a large model too.
MEMORY, LARGE_MEMORY = 2 * 2**30, LARGE.memory + 2**30
_FROM_OUTSIDE = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


def verify_in_subprocess(
    folder: Path,
    *,
    providers: str | Iterable[str],
    threads: int | None,
    precision: str,
    digest: str | None = None,
    large: bool = False,
    seconds: float = SECONDS,
    tick: Callable[[], None] | None = None,
) -> Report:
    """As `verify`, deterministic, but a crash, more than `MEMORY` or more than `seconds` is an IntegrityError.

    A process that somebody else ended, or that cannot be started, is a ProviderError: it says nothing of the model.
    tick: called now and then while the process works.
    """
    asked = {"threads": threads, "precision": precision, "digest": digest, "large": large}
    if getattr(sys, "frozen", False) or not sys.executable:  # part of an application: there is no interpreter to start
        return verify(folder, providers=providers, **asked)  # type: ignore[arg-type]
    try:
        outcome = ask(
            __name__, seconds=seconds, tick=tick, folder=str(folder), providers=full_names(providers), **asked
        )
    except subprocess.TimeoutExpired:
        raise IntegrityError(
            f"{folder} was not checked within {seconds:g} seconds and its process was stopped: the model is too slow "
            "for this machine, or hostile. If you trust it, give it longer, with --timeout SECONDS."
        ) from None
    except OSError as error:
        raise ProviderError(f"{sys.executable} cannot be started to check {folder} ({error.strerror}).") from None
    if not outcome.answered:
        raise _ended(folder, outcome, large)
    told: dict[str, Any] = outcome.answer
    if "error" in told:
        known: type[VAEError] = getattr(errors, told["error"])
        raise _too_large(folder, large) if lacked_memory(told["message"]) else known(told["message"])
    tensors = [TensorCheck(*check) for check in told.pop("tensors")]
    bits = told.pop("bits")
    return Report(**told, tensors=tensors, bits=Equality(*bits) if bits else None)


def _ended(folder: Path, outcome: Outcome, large: bool) -> VAEError:
    """What the end of a process that gave no answer says of the model."""
    name = _signal_name(outcome.returncode)
    if lacked_memory(outcome.said):
        return _too_large(folder, large)
    if name in _FROM_OUTSIDE:
        return ProviderError(f"the process that checked {folder} was stopped from outside ({name}); check it again.")
    if name == "SIGKILL":
        return IntegrityError(
            f"{folder} was not checked: the system killed the process ({name}), as it does where memory runs out. "
            "The model is too large for this machine, or hostile; check it where there is more memory."
        )
    why = name or outcome.said or f"exit code {outcome.returncode}"
    return IntegrityError(f"{folder} ended the process that ran it ({why}); do not use it.")


def _too_large(folder: Path, large: bool) -> IntegrityError:
    memory = LARGE_MEMORY if large else MEMORY
    return IntegrityError(
        f"{folder} needs more memory than there is for a check ({memory // 2**30} GiB, or less where the machine has "
        "less): the model is too large, or hostile; do not use it unless you trust it."
    )


def _signal_name(returncode: int) -> str:
    try:
        return signal.Signals(-returncode).name
    except ValueError:  # it ended by itself
        return ""


def _limit_memory(memory: int = MEMORY) -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory if most < 0 else min(memory, most), most))


def answer(folder: str, **asked: Any) -> dict[str, Any]:
    """In the child: the report, or the error, as JSON can say it."""
    if asked["providers"] == ["CPUExecutionProvider"]:
        _limit_memory(LARGE_MEMORY if asked["large"] else MEMORY)
    try:
        return verify(Path(folder), **asked)._asdict()
    except VAEError as error:
        return {"error": type(error).__name__, "message": str(error)}
