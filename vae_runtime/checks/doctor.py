"""What this machine is to the runtime: versions, packages that get in each other's way, providers that really run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..errors import VAEError
from ..model import plugins
from ..model.providers import full_names
from ..model.sessions import import_onnxruntime
from ..threads import available_processors
from ..vae import VAE
from .probe import made_images

SAMPLES = 8
LARGEST_DIFFERENCE = 1e-3  # of pixels in [0, 1]: a quarter of a grey level


class ProviderReport(NamedTuple):
    """What came of making images on one provider."""

    provider: str
    ran: bool
    difference: float | None = None  # the largest from the CPU
    milliseconds: float | None = None  # an image, of a batch of 8
    reason: str = ""

    @property
    def sound(self) -> bool:
        """Whether it ran as the CPU does."""
        return self.ran and self.difference is not None and self.difference <= LARGEST_DIFFERENCE


class Diagnosis(NamedTuple):
    """Facts by name, what is wrong as sentences, and the providers."""

    facts: dict[str, Any]
    problems: list[str]
    providers: list[ProviderReport]


def diagnose(
    folder: Path, *, asked: str | None = None, following: Callable[[list[str]], Iterable[str]] = iter
) -> Diagnosis:
    """Look at this machine with the model of a folder, deterministic but for times.

    asked: providers that must run; one that does not is a problem. Others that are listed are tried. following: is
    given the providers to try, and gives them back one by one.
    """
    distributions = sorted(set(importlib.metadata.packages_distributions().get("onnxruntime", [])))
    problems = _crowded(distributions)
    vae = VAE.load(folder)
    facts = _facts(folder, vae, distributions)
    wanted = full_names(asked) if asked else ()
    listed = [name for name in facts["providers listed"] if name != "AzureExecutionProvider"]  # it runs nothing here
    tried = list(dict.fromkeys((*wanted, *listed, *plugins.installed())))
    expected = made_images(vae, SAMPLES)
    reports = [_try(folder, provider, expected) for provider in following(tried)]
    for report in reports:
        if not report.sound and report.ran:
            problems.append(f"{report.provider} differs from the CPU by {report.difference:.2g}.")
        elif not report.sound and report.provider in wanted:
            problems.append(report.reason)
    return Diagnosis(facts, problems, reports)


def _crowded(distributions: list[str]) -> list[str]:
    """What is wrong where several packages bring one onnxruntime."""
    if len(distributions) < 2:
        return []
    names = " ".join(distributions)
    return [
        f"{names} are installed together and overwrite each other's files. Try: pip uninstall -y {names}, then "
        f"pip install --force-reinstall {distributions[0]} (the one that you want)."
    ]


def _facts(folder: Path, vae: VAE, distributions: list[str]) -> dict[str, Any]:
    onnxruntime = import_onnxruntime()
    packages = {name: importlib.metadata.version(name) for name in ("numpy", "pillow", "click")}
    return {
        "vae-runtime": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        **packages,
        "onnxruntime": onnxruntime.__version__,
        "onnxruntime packages": {name: importlib.metadata.version(name) for name in distributions},
        "onnxruntime telemetry": "off" if os.environ.get("ORT_DISABLE_TELEMETRY") == "1" else "on",
        "processor threads": available_processors(),
        "providers listed": list(onnxruntime.get_available_providers()),
        "provider packages": plugins.installed(),
        "model": str(folder),
        "model digest": vae.manifest.digest,
    }


def _try(folder: Path, provider: str, expected: np.ndarray[Any, Any]) -> ProviderReport:
    try:
        vae = VAE.load(folder, providers=(provider,))
        difference = float(np.abs(made_images(vae, SAMPLES) - expected).max())
        begun = time.perf_counter()
        made_images(vae, SAMPLES)
        return ProviderReport(provider, True, difference, (time.perf_counter() - begun) / SAMPLES * 1000)
    except VAEError as error:
        return ProviderReport(provider, False, reason=str(error))
