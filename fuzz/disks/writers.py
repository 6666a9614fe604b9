"""Two processes write one model folder, and a third one reads it; one is calibrated while it is replaced.

    python -m fuzz.disks.writers --rounds 20

Both writers replace whatever lies there; some are killed. Finds are a model that is not whole in the end, files that
neither model has, a reader that failed, a child of a fork that could not run its model any more or runs another one,
and a model with the calibration of another.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import click
import numpy as np

from vae_runtime import VAE, write_image
from vae_runtime.checks import calibrate
from vae_runtime.cli import main as vae_command
from vae_runtime.errors import VAEError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file, unlisted_files
from vae_runtime.model.writing import write_model

Model = tuple[manifests.Manifest, dict[str, bytes]]
SECONDS = 0.2  # of a round


@click.command()
@click.option("--models", type=click.Path(path_type=Path), default=Path("artifacts"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(models: Path, rounds: int, seed: int) -> None:
    """Print counts of what was found; exit with 1 if anything was."""
    context = multiprocessing.get_context("fork")
    pair, counts = [_read(models / name) for name in ("mnist-2d", "mnist-mlp")], Counter[str]()
    for number in range(seed, seed + rounds):
        with tempfile.TemporaryDirectory() as scratch:
            folder, queue = Path(scratch) / "model", context.Queue()
            if number % 2:  # every other time the two make a new folder
                write_model(folder, *pair[0])
            random, until = np.random.default_rng(number), time.monotonic() + SECONDS
            writers = [context.Process(target=_write, args=(folder, model, until)) for model in pair]
            reader = context.Process(target=_load, args=(folder, until, queue))
            for process in (*writers, reader):
                process.start()
            if number % 4 == 3:
                time.sleep(random.uniform(0, SECONDS))
                writers[0].kill()
            counts += queue.get()
            for process in (*writers, reader):
                process.join()
            counts[f"find: a writer ended with {writers[1].exitcode}"] += writers[1].exitcode != 0
            counts += _whole(folder, pair)
            shutil.rmtree(folder)
            counts += _forked(folder, pair)
            counts += _calibrated(folder, pair)
    finds = 0
    for what, count in sorted(counts.items()):
        finds += what.startswith("find") * count
        if count:
            click.echo(f"{count:6} {what}")
    click.echo(f"{rounds} rounds, {finds} finds")
    sys.exit(finds > 0)


def _read(folder: Path) -> Model:
    manifest = manifests.read(folder)
    return manifest, {file.file: read_file(folder, file) for file in manifest.files}


def _write(folder: Path, model: Model, until: float) -> None:
    while time.monotonic() < until:
        write_model(folder, *model, replace=True)


def _load(folder: Path, until: float, queue: Queue[Any]) -> None:
    counts = Counter[str]()
    while time.monotonic() < until:
        try:
            if (folder / manifests.FILE_NAME).exists():
                VAE.load(folder, threads=1)
                counts["models read"] += 1
        except VAEError as error:
            counts[f"find: a reader failed, {type(error).__name__}"] += 1
    queue.put(counts)


def _whole(folder: Path, pair: list[Model]) -> Counter[str]:
    """Whether the folder holds a model, and after one more replacement nothing else."""
    try:
        _read(folder)
        write_model(folder, *pair[0], replace=True)
        left = unlisted_files(folder, _read(folder)[0])
        return Counter({"models whole in the end": 1, "find: files that no model has": len(left)})
    except VAEError as error:
        return Counter({f"find: broken in the end, {type(error).__name__}": 1})


def _forked(folder: Path, pair: list[Model]) -> Counter[str]:
    """A child that is born when its model's files are gone."""
    write_model(folder, *pair[0], replace=True)
    vae = VAE.load(folder, threads=1)
    expected = vae.sample(2).tobytes()
    write_model(folder, *pair[1], replace=True)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if vae.sample(2).tobytes() == expected else 2)
        except VAEError:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Counter({f"find: a child of a fork {('', 'failed', 'ran another model')[status]}": 1} if status else {})


def _calibrated(folder: Path, pair: list[Model]) -> Counter[str]:
    """`vae calibrate`, while another process replaces the model that scores."""
    write_model(folder, *pair[0], replace=True)
    write_image(folder.parent / "good.png", np.zeros((1, 28, 28), np.float32))
    usual = calibrate.calibration

    def replaced(vae: VAE, batches: Any) -> Any:
        scores = usual(vae, batches)
        write_model(folder, *pair[1], replace=True)
        return scores

    calibrate.calibration = replaced
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            vae_command(["calibrate", str(folder.parent / "good.png"), "-m", str(folder)], standalone_mode=False)
    except SystemExit as end:
        assert end.code == 4
    finally:
        calibrate.calibration = usual
    after = manifests.read(folder)
    assert after.pair_id == pair[1][0].pair_id
    return Counter({"find: a model with the calibration of another": 1} if after.calibration else {})


if __name__ == "__main__":
    main()
