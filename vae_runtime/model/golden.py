"""golden.npz: inputs and the outputs that torch gave for them, so that any device can check itself without torch."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import IntegrityError
from ..npz import ArraysError, read_npz
from .integrity import read_file
from .limits import MOST_GOLDEN_ROWS, MOST_SCORES
from .manifest import DETECTOR, FORMAT_VERSION, SCORE_NAME, Manifest

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]

SCORE = "score_"  # what the names of arrays of scores begin with; version 1 has `score` alone, the elbo's
ALWAYS = ("images", "mean", "eps", "z", "decoded", "draws")  # the others are of models that have what they are of


class GoldenVectors(NamedTuple):
    """What docs/FORMAT.md lists under golden vectors; n images, k draws each, all with noise of seed 0.

    None is what the model does not have: `expected_arrays` says what it must have.
    """

    images: Float32  # [n, channels, height, width]
    mean: Float32  # [n, *latent_shape]
    logvar: Float32 | None  # [n, *latent_shape], where there is a posterior
    eps: Float32  # [n, *latent_shape], rows 0 .. n - 1
    z: Float32  # [n, *latent_shape], the posterior's draws with eps; without a posterior the mean
    prior_z: Float32 | None  # [n, *latent_shape], the prior's draws with eps, where there is a prior
    prior_log_prob: Float64 | None  # [n], of z, where there is a prior
    decoded: Float32  # [n, channels, height, width], from z
    log_likelihood: Float64 | None  # [n], mean over k draws, where there is an ELBO
    kl: Float64 | None  # [n], where there is an ELBO
    iwae: Float64 | None  # [n], where there is an ELBO
    scores: Mapping[str, Float64]  # method of `VAE.score` -> [n]
    draws: npt.NDArray[np.int64]  # [], k
    logits: Float32 | None = None  # [n, channels, height, width], from z, where the decoder gives them
    faults: Float32 | None = None  # [n, height, width], of models with a detector

    @property
    def size(self) -> tuple[int, int]:
        """Images, and draws of each."""
        return len(self.images), int(self.draws)

    @property
    def arrays(self) -> Arrays:
        """By their names in the archive, those of version 2."""
        there = {name: array for name, array in self._asdict().items() if name != "scores" and array is not None}
        return {**there, **{SCORE + method: score for method, score in self.scores.items()}}

    def to_bytes(self) -> bytes:
        """As an uncompressed .npz of version 2, the same bytes each time."""
        buffer = io.BytesIO()
        arrays: Any = self.arrays  # numpy's types take one of them for its own keyword
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, version: int = FORMAT_VERSION) -> GoldenVectors:
        """Read what `to_bytes` gave, or an archive of version 1; others, or a compressed one, are an ArraysError."""
        arrays = read_npz(content, len(content), stored=True)
        if version == 1:
            if later := [name for name in arrays if name.startswith(SCORE)]:
                raise ArraysError(f"{later[0][:100]!a} is no array of version 1")
            arrays = {(SCORE + "elbo" if name == "score" else name): array for name, array in arrays.items()}
        scores = {name: array for name, array in arrays.items() if re.fullmatch(SCORE + SCORE_NAME, name)}
        others = arrays.keys() - scores.keys()
        expected = set(cls._fields) - {"scores"}
        odd = sorted((others - expected) | (set(ALWAYS) - others))
        if odd or not 0 < len(scores) <= MOST_SCORES:
            name = odd[0] if odd else SCORE
            raise ArraysError(f"{name[:100]!a} is {'no array of the format' if name in arrays else 'missing'}")
        return cls(
            **{name: arrays.get(name) for name in expected},  # type: ignore[arg-type]
            scores={name.removeprefix(SCORE): array for name, array in scores.items()},
        )


def read_golden(folder: Path, manifest: Manifest, precision: str) -> GoldenVectors:
    """Read and check the golden vectors of a model folder: docs/FORMAT.md, section 7, to the letter."""
    file = manifest.golden[precision].file
    content = read_file(folder, file)
    try:
        golden = GoldenVectors.from_bytes(content, manifest.format_version)
        _require_fit(golden, manifest)
    except ArraysError as error:
        raise IntegrityError(
            f"{file.file} does not hold the golden vectors of the format: {error}. Get the model again, or ask who "
            "made it."
        ) from error
    return golden


def expected_arrays(manifest: Manifest, n: int) -> dict[str, tuple[type, tuple[int, ...]]]:
    """What golden vectors of n images must hold for a model, by name: type and shape; beside further scores."""
    image, latent = manifest.image.shape, manifest.latent.shape
    bounds = ("log_likelihood", "kl", "iwae") if manifest.has_elbo else ()
    of_prior = {"prior_z": (np.float32, (n, *latent)), "prior_log_prob": (np.float64, (n,))}
    return {
        **dict.fromkeys(("images", "decoded", *manifest.likelihood.decoded), (np.float32, (n, *image))),
        **dict.fromkeys(("mean", "eps", "z"), (np.float32, (n, *latent))),
        **({"logvar": (np.float32, (n, *latent))} if manifest.has_posterior else {}),
        **(of_prior if manifest.has_prior else {}),
        **dict.fromkeys((*bounds, SCORE + manifest.usual_score), (np.float64, (n,))),
        "draws": (np.int64, ()),
        **({"faults": (np.float32, (n, *image[1:]))} if DETECTOR in manifest.graphs else {}),
    }


def _require_fit(golden: GoldenVectors, manifest: Manifest) -> None:
    """Refuse arrays of other types, shapes or counts than the format's, and numbers that are none."""
    n = golden.images.shape[0] if golden.images.ndim else 0
    if not 1 <= n <= MOST_GOLDEN_ROWS:
        raise ArraysError(f"it holds {n} images; expected 1 to {MOST_GOLDEN_ROWS}")
    scores = dict.fromkeys((SCORE + method for method in golden.scores), (np.float64, (n,)))
    expected, arrays = {**scores, **expected_arrays(manifest, n)}, golden.arrays
    if odd := sorted(arrays.keys() ^ expected.keys()):
        raise ArraysError(f"{odd[0]} is {'of another model' if odd[0] in arrays else 'missing'}")
    for name, (kind, sides) in expected.items():
        array = arrays[name]
        if array.dtype != kind or array.shape != sides:
            there = f"{array.dtype} {list(array.shape)}"
            raise ArraysError(f"{name} is {there}; expected {np.dtype(kind)} {list(sides)}")
        if not np.isfinite(array).all():
            raise ArraysError(f"{name} holds NaN or infinity")
    if not 1 <= int(golden.draws) <= MOST_GOLDEN_ROWS:
        raise ArraysError(f"draws is {int(golden.draws)}; expected 1 to {MOST_GOLDEN_ROWS}")
    if golden.images.min() < 0 or golden.images.max() > 1:
        raise ArraysError("images holds numbers outside [0, 1]")
