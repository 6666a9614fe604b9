"""Models calibrated with any number of scores, plain and tiled: does the model read back, and do its p-values hold?

    python -m fuzz.anomalies.calibrations --rounds 100

Each round takes a shipped model, calibrates it one to three times with 0 to 20,000 synthetic scores of each method, and
reads it. Finds are a model that cannot be read, a p-value below the one against all the scores that were given (if that
is below 1/2), and a list thinned to fewer than 5,000.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import click
import numpy as np

from vae_runtime import TiledScores
from vae_runtime.checks import calibrate
from vae_runtime.checks.calibrate import calibration, tiled_calibration, write_calibrated
from vae_runtime.errors import VAEError
from vae_runtime.maths.conformal import conformal_p_values
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.manifest import Manifest
from vae_runtime.passes import Scored

MODELS = ("mnist", "mnist-2d", "mnist-mlp", "mnist-conditional")
Scores = dict[str, np.ndarray[Any, Any]]


@click.command()
@click.option("--models", type=click.Path(path_type=Path), default=Path("artifacts"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=100, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(models: Path, rounds: int, seed: int) -> None:
    """Print counts and the first finds; exit with 1 if there are any."""
    finds, calibrated = [], 0
    for number in range(seed, seed + rounds):
        with tempfile.TemporaryDirectory() as scratch:
            outcomes = list(_round(models, Path(scratch), np.random.default_rng(number)))
        calibrated += len(outcomes)
        finds += [f"round {number}: {what}" for what in outcomes if what]
    click.echo(f"{rounds} rounds, {calibrated} calibrations, {len(finds)} finds")
    for find in finds[:5]:
        click.echo(f"  {find}")
    sys.exit(bool(finds))


def _round(models: Path, scratch: Path, random: np.random.Generator) -> Iterator[str]:
    """A line for each calibration, empty if all is well."""
    folder, given = scratch / "model", Scores()
    shutil.copytree(models / random.choice(MODELS), folder)
    methods = manifests.read(folder).scores
    for _ in range(int(random.integers(1, 4))):
        count = int(random.integers(*[(0, 1), (1, 20), (20, 5000), (5000, 20001)][random.integers(4)]))
        tiled = bool(random.integers(2))
        scores = {method: random.normal(size=count) * 10.0 ** random.integers(-3, 6) for method in methods}
        before = (folder / manifests.FILE_NAME).read_bytes()
        try:
            write_calibrated(folder, folder, _calibration(folder, scores, tiled=tiled))
            given |= {f"{method}_tiled" if tiled else method: numbers for method, numbers in scores.items()}
        except VAEError as error:
            same = (folder / manifests.FILE_NAME).read_bytes() == before
            yield (
                ""
                if same and not count
                else f"{count} scores: {error}; the manifest {'stayed' if same else 'is another'}"
            )
            continue
        try:
            yield _wrong(_read(folder), given, random)
        except VAEError as error:
            yield f"{count} scores, {'tiled' if tiled else 'plain'}: {error}"
            return


def _calibration(folder: Path, scores: Scores, *, tiled: bool) -> Any:
    """As the verb makes it, of a model whose answers are these scores."""
    order = {method: iter(numbers) for method, numbers in scores.items()}
    count = len(next(iter(scores.values())))
    vae: Any = SimpleNamespace(manifest=manifests.read(folder))

    def score_all(*_: Any) -> Scored:
        return Scored({method: np.array([next(numbers)]) for method, numbers in order.items()}, None)

    def score_tiled(*_: Any, **__: Any) -> TiledScores:
        return TiledScores({method: next(numbers) for method, numbers in order.items()}, None, 1)

    with mock.patch.multiple(calibrate, score_all=score_all, score_tiled=score_tiled):
        if tiled:
            return tiled_calibration(vae, [b"a picture"] * count)
        return calibration(vae, [np.empty(1, np.float32)] * count)


def _read(folder: Path) -> Manifest:
    manifest = manifests.read(folder)
    for file in manifest.files:
        read_file(folder, file)
    return manifest


def _wrong(manifest: Manifest, given: Scores, random: np.random.Generator) -> str:
    """What is wrong with the calibration that was read, against all the scores that were given."""
    for method, scores in given.items():
        known = np.concatenate([scores, random.choice(scores, 50) * (1 + random.normal(size=50) * 1e-6)])
        kept = manifest.calibration[method]
        if len(kept) < min(len(scores), 5000):
            return f"{method}: {len(kept)} of {len(scores)} scores were kept"
        one, all_ = (conformal_p_values(known, numbers) for numbers in (kept, scores))
        two, all_two = (conformal_p_values(known, numbers, two_sided=True) for numbers in (kept, scores))
        if (one < np.minimum(0.5, all_) - 1e-9).any() or (two < all_two - 1e-9).any():
            return f"{method}: a p-value against {len(kept)} of {len(scores)} scores is smaller"
    return ""


if __name__ == "__main__":
    main()
