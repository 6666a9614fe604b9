"""golden.npz: inputs and the outputs that torch gave for them, so that any device can check itself without torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import IntegrityError
from .integrity import read_file
from .manifest import Golden

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

    def to_bytes(self) -> bytes:
        """As an uncompressed .npz, the same bytes each time."""
        buffer = io.BytesIO()
        np.savez(buffer, **{name: array for name, array in self._asdict().items() if array is not None})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> GoldenVectors:
        """Read what `to_bytes` gave."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})


def read_golden(folder: Path, golden: Golden) -> GoldenVectors:
    """Read and check the golden vectors of a model folder."""
    file = golden.file
    content = read_file(folder, file)
    try:
        return GoldenVectors.from_bytes(content)
    except Exception as error:  # damage comes as whatever zipfile, zlib, tokenize or numpy met first
        raise IntegrityError(f"{file.file} does not hold the golden vectors of the format: {error}") from error
