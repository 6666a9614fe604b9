"""Whole processes that make one sample: their seconds, their peak resident memory, and what must be installed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from ..engines.decoders import ENGINES

ROUNDS = 5


class Cold(NamedTuple):
    """Medians over rounds."""

    seconds: float
    megabytes: float


def cold_starts(folder: Path, built: Path, scratch: Path) -> dict[str, Cold]:
    """Every engine's process in turns, and for scale two that make nothing."""
    picture = str(scratch / "one.png")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import numpy, onnxruntime'": [sys.executable, "-c", "import numpy, onnxruntime"],
        "vae --help": [str(Path(sys.executable).parent / "vae"), "--help"],
        "vae sample -n 1": [
            *(str(Path(sys.executable).parent / "vae"), "sample", "-m", str(folder), "-n", "1", "-o", picture)
        ],
        **{
            name: [sys.executable, "-m", "benchmarks.engines.worker", name, str(folder), str(built), "1", picture]
            for name in ENGINES
        },
    }
    runs: dict[str, list[Cold]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in list(commands.items()):
            cold = _run(command)
            if cold is None:
                del commands[name], runs[name]
            else:
                runs[name].append(cold)
    return {
        name: Cold(*(statistics.median(column) for column in zip(*colds, strict=True))) for name, colds in runs.items()
    }


# A process's peak counts what its parent had when it was forked, so it is started by a small one.
_LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
import resource
print(code, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def _run(command: list[str]) -> Cold | None:
    launcher = [sys.executable, "-S", "-E", "-c", _LAUNCHER, *command]
    output = subprocess.run(
        launcher, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=True, text=True
    ).stdout
    code, seconds, megabytes = map(float, output.split())
    return Cold(seconds, megabytes) if code == 0 else None


def installed_megabytes(distributions: tuple[str, ...]) -> float | None:
    """Bytes on disk of distributions and all that they require; None where one is not installed."""
    wanted, seen, total = list(distributions), set(), 0
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            return None
        total += sum(_size(Path(str(path.locate()))) for path in distribution.files or ())
        if name == "vae-runtime":  # where it is installed for development, its files are not listed
            total += sum(_size(path) for path in Path("vae_runtime").rglob("*.py"))
            total += sum(_size(path) for path in Path("artifacts/mnist").iterdir() if path.is_file())
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return total / 2**20


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
