"""Eight threads share one model: is any byte of any answer another?

python -m fuzz.machine.threads --runs 5000
"""

from __future__ import annotations

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from vae_runtime import VAE


@click.command()
@click.option("-m", "--model", type=click.Path(path_type=Path), default=Path("artifacts/mnist"), show_default=True)
@click.option("--runs", type=click.IntRange(1), default=5000, show_default=True)
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Of onnxruntime, below the eight."
)
def main(model: Path, runs: int, threads: int) -> None:
    """Print how many answers differ from those of one thread; then the same over batch sizes and thread counts."""
    vae = VAE.load(model, threads=threads)
    images = vae.sample(40, seed=1)
    scores = vae.score(images)

    def differs(number: int) -> bool:
        n = int(np.random.default_rng(number).integers(1, 41))
        if number % 2:
            return not np.array_equal(vae.sample(n, seed=1), images[:n])
        return not np.array_equal(vae.score(images[:n]), scores[:n])

    with ThreadPoolExecutor(8) as pool:
        different = sum(pool.map(differs, range(runs)))
    click.echo(f"{runs:,} runs by 8 threads, {different} of other bytes")
    compared = 0
    for count, batch_size in itertools.product((1, 2, 3, 4), (1, 2, 3, 4, 7, 8, 16, 32, 64)):
        other = VAE.load(model, threads=count)
        ours, theirs = other.encode(images, batch_size=batch_size), vae.encode(images)
        pairs: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = [
            *zip(ours.there.values(), theirs.there.values(), strict=True),
            (other.sample(40, seed=1, batch_size=batch_size), images),
            (other.score(images, batch_size=batch_size), scores),
        ]
        for one, two in pairs:
            compared += 1
            different += not np.array_equal(one, two)
    click.echo(f"{compared} comparisons over threads and batch sizes, {different} different in all")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
