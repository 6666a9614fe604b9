"""`python -m benchmarks`: everything side by side, written to docs/PERFORMANCE.md and docs/performance.png.

pip install -e ".[export]" -r benchmarks/requirements.txt
python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from .engines.decoders import ENGINES
from .engines.interleave import Timing, Worker, compare
from .machine.processes import cold_starts, installed_megabytes
from .machine.roofline import count_work, measure_peaks
from .machine.scaling import measure_scaling
from .machine.training import measure_training
from .measurements import Measurements
from .report import write


def say(text: str) -> None:
    """To the terminal; the report is a file."""
    click.echo(text, err=True)


@click.command()
@click.option("--model", "models", multiple=True, default=["artifacts/mnist", "artifacts/mnist-2d"], show_default=True)
@click.option("--batch", "batches", multiple=True, type=int, default=[1, 8, 64, 256], show_default=True)
@click.option("--threads", "counts", multiple=True, type=int, default=[1, 2], show_default=True)
@click.option("--seconds", default=0.15, show_default=True, help="For each engine, batch size and round.")
@click.option("--training/--no-training", default=True, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("docs"), show_default=True)
def main(
    models: tuple[str, ...],
    batches: tuple[int, ...],
    counts: tuple[int, ...],
    seconds: float,
    training: bool,
    output: Path,
) -> None:
    """Measure every engine on every model."""
    measured = Measurements(batches=batches, counts=counts)
    with tempfile.TemporaryDirectory() as scratch:
        for folder in map(Path, models):
            built = Path(scratch) / folder.name
            say(f"{folder.name}: converting")
            subprocess.run(
                [sys.executable, "-m", "benchmarks.engines.convert", folder, built], check=True, capture_output=True
            )
            measured.work[folder.name] = count_work(folder / "decoder.onnx")
            for threads in counts:
                say(f"{folder.name}, {threads} threads")
                measured.timings[folder.name, threads] = _timings(folder, built, threads, batches, seconds, measured)
        say("whole processes")
        first = Path(models[0])
        measured.cold = cold_starts(first, Path(scratch) / first.name, Path(scratch))
    measured.installed = {name: installed_megabytes(distributions) for name, (_, distributions) in ENGINES.items()}
    measured.peaks = {threads: measure_peaks(threads) for threads in counts}
    say("wrapper, threads and many samples")
    measured.scaling = measure_scaling(Path(models[0]))
    if training:
        say("training")
        measured.training = measure_training(say)
    write(measured, output)
    say(f"Wrote {output / 'PERFORMANCE.md'}.")


def _timings(
    folder: Path, built: Path, threads: int, batches: tuple[int, ...], seconds: float, measured: Measurements
) -> dict[str, dict[int, Timing]]:
    workers: dict[str, Any] = {}
    try:
        for name in ENGINES:
            try:
                workers[name] = Worker(name, folder, built, threads)
                measured.differences[folder.name, name] = workers[name].difference
            except RuntimeError as error:
                measured.missing[folder.name, name] = str(error)
        return compare(workers, batches, "vae_runtime", seconds, say)
    finally:
        for worker in workers.values():
            worker.close()


if __name__ == "__main__":
    main()
