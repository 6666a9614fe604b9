"""Scores of normal pictures become part of a model, so that it can say how rare a score is; no torch is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..model import manifest as manifests
from ..model.integrity import read_file
from ..model.manifest import CALIBRATION_LIMIT
from ..model.writing import write_model
from ..vae import VAE

Calibration = dict[str, tuple[float, ...]]


def calibration(vae: VAE, batches: Iterable[npt.NDArray[np.float32]]) -> Calibration:
    """Sorted scores of normal images by each method, deterministic; of very many, some evenly spaced ones."""
    found: dict[str, list[float]] = {method: [] for method in vae.manifest.scores}
    for images in batches:
        for method, scores in found.items():
            scores += vae.score(images, method=method).tolist()
    if not found["elbo"]:
        raise InputError("there is no picture to calibrate with.")
    return {method: _kept(scores) for method, scores in found.items()}


def tiled_calibration(vae: VAE, pictures: Iterable[Iterable[npt.NDArray[np.float32]]]) -> Calibration:
    """The same for pictures given as their windows, some at a time: the highest score of each, as tiled scores."""
    found: dict[str, list[float]] = {method: [] for method in vae.manifest.scores}
    for parts in pictures:
        highest = [[vae.score(windows, method=method).max() for method in found] for windows in parts]
        for scores, score in zip(found.values(), np.max(highest, axis=0).tolist(), strict=True):
            scores.append(score)
    if not found["elbo"]:
        raise InputError("there is no picture to calibrate with.")
    return {f"{method}_tiled": _kept(scores) for method, scores in found.items()}


def _kept(scores: list[float]) -> tuple[float, ...]:
    kept = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), CALIBRATION_LIMIT)).astype(int))
    return tuple(sorted(scores[index] for index in kept))


def write_calibrated(
    source: Path, target: Path, found: Calibration, *, replace: bool = False, meant: str = "take a new folder"
) -> None:
    """Write the model of `source` with this calibration to `target`, which may be the same folder.

    replace, meant: as of `check_target`, where `target` holds another model.
    """
    manifest = manifests.read(source)
    contents = {file.file: read_file(source, file) for file in manifest.files}
    calibrated = dataclasses.replace(manifest, calibration={**manifest.calibration, **found})
    write_model(target, calibrated, contents, replace=replace, meant=meant)
