"""`vae doctor`: what this machine is to the runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from ..console import show, show_json
from ..progress import watched
from .options import PROVIDER, model_option

UNWELL = 3  # exit code


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, for a bug report.")
@click.option(
    "--provider", type=PROVIDER, help="Execution provider that must run here, such as cuda; several with commas."
)
@model_option
def doctor(as_json: bool, provider: str | None, path: str | None) -> None:
    """Say what is installed, and which providers really run.

    It samples on every execution provider that is there, and compares with the CPU.

    \b
    Example:
      vae doctor --provider cuda
    """
    from ..checks.doctor import diagnose
    from ..model.location import locate

    diagnosis = diagnose(locate(path), asked=provider, following=_followed)
    if as_json:
        reports = [{**report._asdict(), "sound": report.sound} for report in diagnosis.providers]
        show_json({**diagnosis.facts, "providers": reports, "problems": diagnosis.problems})
    else:
        for name, fact in diagnosis.facts.items():
            show(f"{name:28}{_text(fact)}")
        for report in diagnosis.providers:
            show(f"{report.provider:28}{_verdict(report)}")
        for problem in diagnosis.problems:
            show(f"PROBLEM: {problem}")
    if diagnosis.problems:
        sys.exit(UNWELL)


def _followed(providers: Sequence[str]) -> Iterator[str]:
    return watched(providers, len(providers), "providers")


def _text(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {value}" for name, value in fact.items()) or "none"
    return ", ".join(fact) if isinstance(fact, list) else str(fact)


def _verdict(report: Any) -> str:
    if not report.ran:
        return f"does not run: {report.reason}"
    return f"runs, largest difference from the CPU {report.difference:.1e}, {report.milliseconds:.2f} ms a sample"
