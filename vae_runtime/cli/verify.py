"""`vae verify`: does this machine run a model as it should?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..console import show, show_json
from ..errors import IntegrityError
from ..progress import waiting
from .options import ModelChoice, model_options

if TYPE_CHECKING:
    from ..checks.verify import Report


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
def verify(as_json: bool, seconds: float, digest: str | None, model: ModelChoice) -> None:
    """Check every hash, and replay the golden vectors here.

    PASS or FAIL, with each tensor's largest error. It also says whether batch sizes and numbers of threads give the
    same bits here. All is done in a process of its own, within 2 GiB (--large: 17) and the time of --timeout. A
    file that the manifest does not name is a FAIL.

    \b
    Example:
      vae verify -m artifacts/mnist --provider cuda
    """
    from ..checks.verify_subprocess import verify_in_subprocess

    with waiting(f"checking {model.folder}", at_most=seconds) as tick:
        report = verify_in_subprocess(
            model.folder,
            providers=model.provider,
            threads=model.threads,
            precision=model.precision,
            digest=digest,
            large=model.large,
            seconds=seconds,
            tick=tick,
        )
    if as_json:
        show_json(_as_json(report))
    else:
        for line in _table(report):
            show(line)
    if not report.passed:
        sys.exit(IntegrityError.exit_code)


def _verdict(report: Report) -> str:
    return "PASS" if report.passed else "FAIL"


def _as_json(report: Report) -> dict[str, Any]:
    tensors = {
        check.tensor: {"difference": check.difference, "tolerance": check.tolerance, "passed": check.passed}
        for check in report.tensors
    }
    return {
        "verdict": _verdict(report),
        "provider": report.provider,
        "digest": report.digest,
        "files_checked": report.files_checked,
        "unlisted_files": report.unlisted,
        "tensors": tensors,
        "bits": report.bits and report.bits._asdict(),
    }


def _table(report: Report) -> Iterator[str]:
    yield f"manifest sha256 {report.digest}"
    yield f"{report.files_checked} files are those of the manifest; the graphs are of the format."
    for name in report.unlisted:
        yield f"{name} is in the folder but not in the manifest: remove it, or get the model again."
    for check in report.tensors:
        mark = "ok" if check.passed else "TOO FAR"
        yield f"{check.tensor:8} largest error {check.difference:.2e}, allowed {check.tolerance:.0e}  {mark}"
    if report.bits:
        yield f"bits     {report.bits}"
    yield f"{_verdict(report)} on {report.provider}"
