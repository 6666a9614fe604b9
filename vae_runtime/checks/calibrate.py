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
from ..model.manifest import CALIBRATION_LIMIT, SCORES
from ..model.writing import write_model
from ..vae import VAE

Calibration = dict[str, tuple[float, ...]]


def calibration(vae: VAE, batches: Iterable[npt.NDArray[np.float32]]) -> Calibration:
    """Sorted scores of normal images by each method, deterministic; of very many, some evenly spaced ones."""
    found: dict[str, list[float]] = {method: [] for method in SCORES}
    for images in batches:
        for method, scores in found.items():
            scores += vae.score(images, method=method).tolist()
    count = len(found["elbo"])
    if not count:
        raise InputError("there is no picture to calibrate with.")
    kept = np.unique(np.linspace(0, count - 1, min(count, CALIBRATION_LIMIT)).astype(int))
    return {method: tuple(sorted(scores[index] for index in kept)) for method, scores in found.items()}


def write_calibrated(source: Path, target: Path, found: Calibration) -> None:
    """Write the model of `source` with this calibration to `target`, which may be the same folder."""
    manifest = manifests.read(source)
    contents = {file.file: read_file(source, file) for file in manifest.files}
    write_model(target, dataclasses.replace(manifest, calibration=found), contents)
