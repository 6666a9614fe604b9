"""Size and speed of model folders: parameters and bytes of each graph, milliseconds a sample on one thread.

    python -m benchmarks.engines.models artifacts/mnist artifacts/mnist-mlp

The models take turns, round after round, and the median of the rounds counts: times are for comparing within a run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import onnx

from vae_runtime import VAE

ROUNDS = 15
BATCHES = {1: 40, 64: 4}  # batch size: calls timed together


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folders: tuple[Path, ...]) -> None:
    """Print both tables as Markdown."""
    print("| model | graph | parameters | bytes |\n|---|---|---|---|")
    for folder in folders:
        totals = [0, 0]
        for path in sorted(folder.glob("*.onnx")):
            figures = parameters(path), path.stat().st_size
            totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
            print(f"| {folder.name} | {path.stem} | {figures[0]:,} | {figures[1]:,} |")
        print(f"| {folder.name} | all | {totals[0]:,} | {totals[1]:,} |")
    print(
        "\n| model | verb | " + " | ".join(f"ms an image, batch {batch}" for batch in BATCHES) + " |\n|---|---|---|---|"
    )
    models = {folder.name: VAE.load(folder, threads=1) for folder in folders}
    for verb in ("sample", "encode"):
        times = {batch: time_all(models, verb, batch, calls) for batch, calls in BATCHES.items()}
        for name in models:
            print(f"| {name} | {verb} | " + " | ".join(f"{times[batch][name]:.3f}" for batch in BATCHES) + " |")


def parameters(path: Path) -> int:
    """How many numbers the graph's weights have."""
    tensors = onnx.load(path).graph.initializer
    return sum(
        onnx.numpy_helper.to_array(tensor).size for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT
    )


def time_all(models: dict[str, VAE], verb: str, batch: int, calls: int) -> dict[str, float]:
    """Milliseconds an image, by model."""
    work = {name: task(vae, verb, batch) for name, vae in models.items()}
    rounds: dict[str, list[float]] = {name: [] for name in models}
    for run in range(ROUNDS + 1):
        for name, call in work.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            if run:  # the first warms up
                rounds[name].append((time.perf_counter() - start) * 1000 / (calls * batch))
    return {name: statistics.median(times) for name, times in rounds.items()}


def task(vae: VAE, verb: str, batch: int) -> Callable[[], object]:
    """What is timed."""
    images = vae.sample(batch)
    return (lambda: vae.sample(batch)) if verb == "sample" else (lambda: vae.encode(images))


if __name__ == "__main__":
    main()
