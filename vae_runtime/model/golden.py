"""golden.npz: inputs and the outputs that torch gave for them, so that any device can check itself without torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import IntegrityError
from ..npz import ArraysError, read_npz
from .integrity import read_file
from .limits import MOST_GOLDEN_ROWS
from .manifest import DETECTOR, Manifest

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class GoldenVectors(NamedTuple):
    """What docs/FORMAT.md lists under golden vectors; n images, k draws each, all with noise of seed 0."""

    images: Float32  # [n, channels, height, width]
    mean: Float32  # [n, latent_size]
    logvar: Float32  # [n, latent_size]
    eps: Float32  # [n, latent_size], rows 0 .. n - 1
    z: Float32  # [n, latent_size], the posterior's draws with eps
    prior_z: Float32  # [n, latent_size], the prior's draws with eps
    prior_log_prob: Float64  # [n], of z
    decoded: Float32  # [n, channels, height, width], from z
    log_likelihood: Float64  # [n], mean over k draws
    kl: Float64  # [n]
    iwae: Float64  # [n]
    score: Float64  # [n]
    draws: npt.NDArray[np.int64]  # [], k
    faults: Float32 | None = None  # [n, height, width], of models with a detector

    @property
    def size(self) -> tuple[int, int]:
        """Images, and draws of each."""
        return len(self.images), int(self.draws)

    def to_bytes(self) -> bytes:
        """As an uncompressed .npz, the same bytes each time."""
        buffer = io.BytesIO()
        np.savez(buffer, **{name: array for name, array in self._asdict().items() if array is not None})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> GoldenVectors:
        """Read what `to_bytes` gave; an ArraysError for an archive that is not stored, or of other names."""
        arrays = read_npz(content, len(content), stored=True)
        names = set(cls._fields)
        if arrays.keys() not in (names, names - {"faults"}):
            odd = sorted(arrays.keys() ^ (names - {"faults"}))[0]
            raise ArraysError(f"{odd[:100]!a} is {'no array of the format' if odd in arrays else 'missing'}")
        return cls(**arrays)


def read_golden(folder: Path, manifest: Manifest, precision: str) -> GoldenVectors:
    """Read and check the golden vectors of a model folder: docs/FORMAT.md, section 7, to the letter."""
    file = manifest.golden[precision].file
    content = read_file(folder, file)
    try:
        golden = GoldenVectors.from_bytes(content)
        _require_fit(golden, manifest)
    except ArraysError as error:
        raise IntegrityError(
            f"{file.file} does not hold the golden vectors of the format: {error}. Get the model again, or ask who "
            "made it."
        ) from error
    return golden


def _require_fit(golden: GoldenVectors, manifest: Manifest) -> None:
    """Refuse arrays of other types, shapes or counts than the format's, and numbers that are none."""
    n, size, shape = golden.images.shape[0] if golden.images.ndim else 0, manifest.latent_size, manifest.image.shape
    if not 1 <= n <= MOST_GOLDEN_ROWS:
        raise ArraysError(f"it holds {n} images; expected 1 to {MOST_GOLDEN_ROWS}")
    latents, nats = (np.float32, (n, size)), (np.float64, (n,))
    expected: dict[str, tuple[type, tuple[int, ...]]] = {
        **dict.fromkeys(("images", "decoded"), (np.float32, (n, *shape))),
        **dict.fromkeys(("mean", "logvar", "eps", "z", "prior_z"), latents),
        **dict.fromkeys(("prior_log_prob", "log_likelihood", "kl", "iwae", "score"), nats),
        "draws": (np.int64, ()),
        **({"faults": (np.float32, (n, *shape[1:]))} if DETECTOR in manifest.graphs else {}),
    }
    found = {name: array for name, array in golden._asdict().items() if array is not None}
    if found.keys() != expected.keys():
        raise ArraysError("faults are of a model with a detector, and of no other")
    for name, (kind, sides) in expected.items():
        array = found[name]
        if array.dtype != kind or array.shape != sides:
            there = f"{array.dtype} {list(array.shape)}"
            raise ArraysError(f"{name} is {there}; expected {np.dtype(kind)} {list(sides)}")
        if not np.isfinite(array).all():
            raise ArraysError(f"{name} holds NaN or infinity")
    if not 1 <= int(golden.draws) <= MOST_GOLDEN_ROWS:
        raise ArraysError(f"draws is {int(golden.draws)}; expected 1 to {MOST_GOLDEN_ROWS}")
    if golden.images.min() < 0 or golden.images.max() > 1:
        raise ArraysError("images holds numbers outside [0, 1]")
