"""The verb doctor."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from . import completion
from .outputs import show

UNWELL = 3  # exit code


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, for a bug report.")
@click.option("--provider", help="Execution provider that must run here, such as cuda; several with commas.")
@click.option(
    "-m",
    "--model",
    "path",
    envvar="VAE_MODEL",
    show_envvar=True,
    shell_complete=completion.folder,
    help="Model folder.  [default: built in]",
)
def doctor(as_json: bool, provider: str | None, path: str | None) -> None:
    """Say what is installed, and which providers really run.

    It samples on every execution provider that is there, and compares with the CPU.

    \b
    Example:
      vae doctor --provider cuda
    """
    from ..checks.doctor import diagnose
    from ..model.location import locate

    found = diagnose(locate(path), asked=provider)
    if as_json:
        reports = [{**report._asdict(), "sound": report.sound} for report in found.providers]
        click.echo(json.dumps({**found.facts, "providers": reports, "problems": found.problems}, indent=2))
    else:
        for name, fact in found.facts.items():
            show(f"{name:28}{_text(fact)}")
        for report in found.providers:
            show(f"{report.provider:28}{_verdict(report)}")
        for problem in found.problems:
            show(f"PROBLEM: {problem}")
    if found.problems:
        sys.exit(UNWELL)


def _text(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {value}" for name, value in fact.items()) or "none"
    return ", ".join(fact) if isinstance(fact, list) else str(fact)


def _verdict(report: Any) -> str:
    if not report.ran:
        return f"does not run: {report.reason}"
    return f"runs, largest difference from the CPU {report.difference:.1e}, {report.milliseconds:.2f} ms a sample"
