"""Scores of normal pictures become part of a model, so that it can say how rare a score is; no torch is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError, IntegrityError
from ..model import manifest as manifests
from ..model.integrity import read_file
from ..model.manifest import Manifest
from ..model.steady import again_if_replaced
from ..model.writing import write_model
from ..passes import score_all
from ..tiled import score_tiled
from ..vae import VAE
from .thinning import Calibration, calibrated

if TYPE_CHECKING:
    from ..pictures.decoded import Picture
    from ..pictures.sources import Source


def calibration(vae: VAE, batches: Iterable[npt.NDArray[np.float32]]) -> Calibration:
    """Sorted scores of normal images by each method, deterministic."""
    scores: dict[str, list[float]] = {method: [] for method in vae.manifest.scores}
    for images in batches:
        for method, part in score_all(vae, images, vae.manifest.scores).scores.items():
            scores[method] += part.tolist()
    return _sorted(scores)


def tiled_calibration(vae: VAE, pictures: Iterable[Source | Picture]) -> Calibration:
    """The same of large pictures by their windows, as `score_tiled` scores them."""
    scores: dict[str, list[float]] = {f"{method}_tiled": [] for method in vae.manifest.scores}
    for picture in pictures:
        for method, score in score_tiled(vae, picture, methods=vae.manifest.scores).scores.items():
            scores[f"{method}_tiled"].append(score)
    return _sorted(scores)


def _sorted(scores: dict[str, list[float]]) -> Calibration:
    if not any(scores.values()):
        raise InputError("there is no picture to calibrate with.")
    return {method: tuple(sorted(values)) for method, values in scores.items()}


def write_calibrated(
    source: Path,
    target: Path,
    scores: Calibration,
    *,
    scored: Manifest | None = None,
    replace: bool = False,
    meant: str = "take a new folder",
    expected: str | None = None,
) -> tuple[Manifest, Manifest]:
    """Write the model of `source` with these scores as its calibration to `target`, which may be the same folder.

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
        after = calibrated(manifest, scores)
        there = manifest.digest if _is_same(source, target) else expected
        write_model(target, after, contents, replace=replace, meant=meant, expected=there)
        return manifest, after

    return again_if_replaced(source, write)


def _without(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, calibration={})


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
