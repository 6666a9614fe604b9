"""A process with one engine: times batches on request, one line of JSON each way, or makes one picture and ends.

python -m benchmarks.engines.worker ENGINE FOLDER BUILT THREADS
python -m benchmarks.engines.worker ENGINE FOLDER BUILT THREADS picture.png
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click
import numpy as np

from .decoders import ENGINES


@click.command()
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("built", type=click.Path(path_type=Path))
@click.argument("threads", type=click.IntRange(1))
@click.argument("picture", required=False, type=click.Path(path_type=Path))
def main(engine: str, folder: Path, built: Path, threads: int, picture: Path | None) -> None:
    """Time ENGINE on request; or, given a PICTURE, write one sample there and end."""
    if picture:
        once(engine, folder, built, threads, picture)
    else:
        answer(engine, folder, built, threads)


def answer(name: str, folder: Path, built: Path, threads: int) -> None:
    """Say how far the engine is from torch's golden images, then answer {"batch", "seconds"} with times of calls."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # engines print what they like elsewhere
    decode = ENGINES[name][0](folder, built, threads)
    golden = np.load(folder / "golden.npz")
    difference = max(
        float(
            np.abs(decode(golden["z"][rows]).reshape(len(golden["z"][rows]), -1) - _flat(golden["decoded"][rows])).max()
        )
        for rows in (slice(0, 1), slice(0, 8))
    )
    print(json.dumps({"difference": difference}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        z = np.random.default_rng(0).standard_normal((request["batch"], golden["z"].shape[1])).astype(np.float32)
        decode(z)  # shapes are new, caches another process's
        times = []
        end = time.perf_counter() + request["seconds"]
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            decode(z)
            times.append(time.perf_counter() - start)
        print(json.dumps(times), file=answers, flush=True)


def once(name: str, folder: Path, built: Path, threads: int, picture: Path) -> None:
    """Load, decode one latent, write a PNG: what a program does that makes one sample."""
    from PIL import Image

    decode = ENGINES[name][0](folder, built, threads)
    size = np.load(folder / "golden.npz")["z"].shape[1]
    image = decode(np.random.default_rng(0).standard_normal((1, size)).astype(np.float32))
    Image.fromarray((image.reshape(28, 28) * 255).round().astype(np.uint8)).save(picture)


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


if __name__ == "__main__":
    main()
