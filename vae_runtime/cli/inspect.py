"""Verbs about the model itself: info, verify."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .options import ModelChoice, model_options
from .outputs import show


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The manifest, as it is.")
@model_options
def info(as_json: bool, **choice: Any) -> None:
    """Say what a model is, and how much memory it needs.

    It reads the manifest and the shapes in the graphs, and runs none.

    \b
    Example:
      vae info --json
    """
    from ..model import manifest as manifests
    from ..model.location import locate
    from .facts import table

    folder = locate(ModelChoice(**choice).path)
    manifest = manifests.read(folder)
    if as_json:
        click.echo(manifest.to_json(), nl=False)
        return
    for line in table(manifest, folder):
        show(line)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(1, 10**6),
    default=600,
    show_default=True,
    help="Seconds until a model that does not answer is stopped.",
)
@click.option("--digest", help="The sha256 that manifest.json must have, as `vae info` prints it.")
@model_options
def verify(as_json: bool, seconds: float, digest: str | None, **choice: Any) -> None:
    """Check every hash, and replay the golden vectors here.

    PASS or FAIL, with each tensor's largest error. It also says whether batch sizes and numbers of threads give the
    same bits here. All is done in a process of its own, within 2 GiB and the time of --timeout. A file that the
    manifest does not name is a FAIL.

    \b
    Example:
      vae verify -m artifacts/mnist --provider cuda
    """
    from ..checks.apart import verify_apart
    from ..model.location import locate

    model = ModelChoice(**choice)
    asked: dict[str, Any] = {
        "providers": model.provider,
        "threads": model.threads,
        "precision": model.precision,
        "digest": digest,
        "seconds": seconds,
    }
    report = verify_apart(locate(model.path), **asked)
    verdict = "PASS" if report.passed else "FAIL"
    if as_json:
        tensors = {
            item.tensor: {"difference": item.difference, "tolerance": item.tolerance, "passed": item.passed}
            for item in report.tensors
        }
        facts: dict[str, Any] = {"verdict": verdict, "provider": report.provider, "digest": report.digest}
        facts |= {"files_checked": report.files_checked, "unlisted_files": report.unlisted, "tensors": tensors}
        facts["bits"] = report.bits and report.bits._asdict()
        click.echo(json.dumps(facts, indent=2))
    else:
        show(f"manifest sha256 {report.digest}")
        show(f"{report.files_checked} files are those of the manifest; the graphs are of the format.")
        for name in report.unlisted:
            show(f"{name} is in the folder but not in the manifest: remove it, or get the model again.")
        for item in report.tensors:
            mark = "ok" if item.passed else "TOO FAR"
            show(f"{item.tensor:8} largest error {item.difference:.2e}, allowed {item.tolerance:.0e}  {mark}")
        if report.bits:
            show(f"bits     {report.bits}")
        show(f"{verdict} on {report.provider}")
    if not report.passed:
        sys.exit(4)
