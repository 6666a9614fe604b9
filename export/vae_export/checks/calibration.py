"""The calibration of an export: scores of normal pictures that the model was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from vae_train.config import Config
from vae_train.data.datasets import Dataset, picture_digest

from vae_runtime import VAE, from_uint8
from vae_runtime.checks.calibrate import calibration, tiled_calibration
from vae_runtime.checks.familiar import KEY, quartiles
from vae_runtime.checks.thinning import Calibration
from vae_runtime.errors import InputError
from vae_runtime.pictures.decoded import Picture
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import open_picture
from vae_runtime.pictures.walking import pictures_in

AT_ONCE = 64  # pictures
MOST_SCORED = 500  # images of each kind that quartiles of scores are taken of


class Calibrated(NamedTuple):
    """Scores, of how many pictures, and those that were left out."""

    scores: Calibration
    pictures: int
    left_out: list[Path]


def score_folder(vae: VAE, folder: Path, *, tiled: bool, trained_on: frozenset[str] = frozenset()) -> Calibrated:
    """Score the pictures of a folder, or their windows where the model has learned windows.

    A model knows the pictures that it was trained on better than new ones: their scores are lower, and with them as the
    measure new normal pictures would be called anomalous too often. So those, by their pixels, are left out.
    """
    paths, spec = pictures_in(folder), vae.manifest.image
    left_out: list[Path] = []

    def new() -> Iterator[Picture]:
        for path in paths:
            with open_picture(path) as picture:
                if picture_digest(picture) in trained_on:
                    left_out.append(path)
                else:
                    yield picture

    def batches() -> Iterator[npt.NDArray[np.float32]]:
        images = (fit_picture(picture, spec) for picture in new())
        while batch := list(islice(images, AT_ONCE)):
            yield from_uint8(np.stack(batch))

    try:
        scores = tiled_calibration(vae, new()) if tiled else calibration(vae, batches())
    except InputError:
        if not left_out or len(left_out) < len(paths):
            raise
        raise InputError(
            f"the model was trained on all {len(paths):,} pictures of {folder}, and their scores are lower than those "
            "of new ones; give normal pictures that it has not seen as --calibrate."
        ) from None
    return Calibrated(scores, len(paths) - len(left_out), left_out)


def score_images(vae: VAE, images: npt.NDArray[np.float32]) -> Calibrated:
    """Score images [batch, channels, height, width] in [0, 1], of which nobody knows what was trained on."""
    parts = (images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE))
    return Calibrated(calibration(vae, parts), len(images), [])


def told(calibrated: Calibrated, folder: Path, *, checked: bool, advice: str) -> list[str]:
    """Sentences for people: how many pictures of the folder it is, and what became of the rest.

    checked: whether by pixels; advice: what to do where not.
    """
    said = [f"Calibrated with {calibrated.pictures:,} pictures of {folder}."]
    if not checked:
        said.append(
            "warning: nothing says whether the model was trained on some of them, for its data are not at hand"
            f"{advice}."
        )
    if calibrated.left_out:
        said.append(
            f"warning: {len(calibrated.left_out):,} more there were left out, such as {calibrated.left_out[0]}: the "
            "model was trained on them, and their scores are lower than those of new ones."
        )
    return said


def score_quartiles(vae: VAE, dataset: Dataset, config: Config) -> dict[str, Any]:
    """What `vae calibrate` compares with on a device: of images trained on and held out, as a manifest's `training`."""
    fitted = dataset.train_images[: len(dataset.train_images) - config.validation_images]
    by_kind = {}
    for kind, images in {"trained_on": fitted, "held_out": dataset.test_images}.items():
        some = np.unique(np.linspace(0, len(images) - 1, min(len(images), MOST_SCORED)).astype(int))
        by_kind[kind] = quartiles(vae.score(from_uint8(np.ascontiguousarray(images[some]))))
    return {KEY: by_kind}
