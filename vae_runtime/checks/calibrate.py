"""Scores of normal pictures become part of a model, so that it can say how rare a score is; no torch is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, IntegrityError
from ..model import manifest as manifests
from ..model.integrity import read_file
from ..model.manifest import Manifest
from ..model.steady import again_if_replaced
from ..model.writing import write_model
from ..vae import VAE
from .thinning import Calibration, calibrated


def calibration(vae: VAE, batches: Iterable[npt.NDArray[np.float32]]) -> Calibration:
    """Sorted scores of normal images by each method, deterministic."""
    found: dict[str, list[float]] = {method: [] for method in vae.manifest.scores}
    for images in batches:
        for method, scores in found.items():
            scores += vae.score(images, method=method).tolist()
    return _sorted(found)


def tiled_calibration(vae: VAE, pictures: Iterable[Iterable[npt.NDArray[np.float32]]]) -> Calibration:
    """The same for pictures given as their windows, some at a time: the highest score of each, as tiled scores."""
    found: dict[str, list[float]] = {method: [] for method in vae.manifest.scores}
    for parts in pictures:
        highest = [[vae.score(windows, method=method).max() for method in found] for windows in parts]
        for scores, score in zip(found.values(), np.max(highest, axis=0).tolist(), strict=True):
            scores.append(score)
    return _sorted({f"{method}_tiled": scores for method, scores in found.items()})


def _sorted(found: dict[str, list[float]]) -> Calibration:
    if not any(found.values()):
        raise InputError("there is no picture to calibrate with.")
    return {method: tuple(sorted(scores)) for method, scores in found.items()}


def write_calibrated(
    source: Path,
    target: Path,
    found: Calibration,
    *,
    scored: Manifest | None = None,
    replace: bool = False,
    meant: str = "take a new folder",
    expected: str | None = None,
) -> tuple[Manifest, Manifest]:
    """Write the model of `source` with this calibration to `target`, which may be the same folder.

    Returns the manifest as it was and as it is now: of very many scores some are kept (`checks.thinning`). scored:
    the manifest of the model that gave the scores; another model in `source` is an IntegrityError then, the same one
    with another calibration is not, and keeps it. replace, meant: as of `check_target`, where `target` holds another
    model. expected: as of `write_model`, where `target` is another folder.
    """

    def write() -> tuple[Manifest, Manifest]:
        manifest = manifests.read(source)
        if scored is not None and _without(manifest) != _without(scored):
            raise IntegrityError(
                f"{source} was replaced by another model while this one scored the pictures; nothing was written. "
                "Calibrate again."
            )
        contents = {file.file: read_file(source, file) for file in manifest.files}
        after = calibrated(manifest, found)
        there = manifest.digest if _is_same(source, target) else expected
        write_model(target, after, contents, replace=replace, meant=meant, expected=there)
        return manifest, after

    return again_if_replaced(source, write)


def _without(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, calibration={})


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
