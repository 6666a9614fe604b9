"""The four stages: Encoder, Scorer, Decoder, Sampler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError
from ..maths.arrays import check_latents
from ..maths.noise import whole_number
from ..model import manifest as manifests
from ..model.location import locate
from ..model.scores import SCORES
from ..pictures.pixels import to_uint8
from .base import Batch, Stage, one_of
from .rows import LAYOUTS, read_row


@dataclass(kw_only=True, eq=False)
class _OfImages(Stage):
    """What reads images. layout: how arrays lie, "auto", "chw" or "hwc"; `rows.py` has the rules."""

    layout: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.layout, LAYOUTS, "layout")

    def _read(self, row: Any) -> Any:
        return read_row(row, self.vae.manifest.image, self.layout)

    def _images(self, rows: list[Any]) -> npt.NDArray[np.float32]:
        return np.stack(rows) if rows else np.empty((0, *self.vae.image_shape), np.float32)


@dataclass(kw_only=True, eq=False)
class Encoder(_OfImages):
    """Images to `mean` and `logvar` of q(z|x), deterministic: float32 [rows, *latent_shape] each.

    Of a model without a posterior there is no `logvar`; so its `schema` reads the model's manifest.
    """

    def _types(self) -> dict[str, str]:
        manifest = self._vae.manifest if self._vae else manifests.read(locate(self.model))
        return dict.fromkeys(("mean", "logvar") if manifest.has_posterior else ("mean",), "array<float>")

    def _compute(self, rows: list[Any]) -> Batch:
        return self.vae.encode(self._images(rows), batch_size=self.batch_size).there


@dataclass(kw_only=True, eq=False)
class Scorer(_OfImages):
    """Images to `score`, deterministic: float64 [rows], nats, higher is stranger.

    method: of `VAE.score`, None its usual one. p_value: whether a column `p_value` comes too, which needs a
    calibrated model.
    """

    method: str | None = None
    p_value: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method is not None:
            one_of(self.method, tuple(SCORES), "method")

    def _types(self) -> dict[str, str]:
        return {"score": "double", "p_value": "double"} if self.p_value else {"score": "double"}

    def _compute(self, rows: list[Any]) -> Batch:
        scores = self.vae.score(self._images(rows), method=self.method, batch_size=self.batch_size)
        if not self.p_value:
            return {"score": scores}
        return {"score": scores, "p_value": self.vae.p_value(scores, method=self.method)}


@dataclass(kw_only=True, eq=False)
class _ToImages(Stage):
    """What makes images. dtype: "float32" in [0, 1], or "uint8"."""

    dtype: str = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.dtype, ("float32", "uint8"), "dtype")

    def _types(self) -> dict[str, str]:
        return {"image": "array<float>" if self.dtype == "float32" else "array<smallint>"}

    def _result(self, images: npt.NDArray[np.float32]) -> Batch:
        return {"image": images if self.dtype == "float32" else to_uint8(images)}


@dataclass(kw_only=True, eq=False)
class Decoder(_ToImages):
    """Latents to `image`, the mean of p(x|z), deterministic: [rows, channels, height, width].

    A latent has the model's shape, or is flat, as tables without tensors hold it.
    """

    column: str = "mean"

    def _read(self, row: Any) -> Any:
        if row is None:
            raise InputError("the row has no latent.")
        latent, shape = as_array(row, "the latent"), self.vae.latent_shape
        if latent.ndim == 1 and latent.size == self.vae.latent_size:  # flat, as tables without tensors hold it
            latent = latent.reshape(shape)
        return check_latents(latent[None], shape)[0]

    def _compute(self, rows: list[Any]) -> Batch:
        latents = np.stack(rows) if rows else np.empty((0, *self.vae.latent_shape), np.float32)
        return self._result(self.vae.decode(latents, batch_size=self.batch_size))


@dataclass(kw_only=True, eq=False)
class Sampler(_ToImages):
    """Whole numbers to `image`, seeded: [rows, channels, height, width], sample number `index` of the seed.

    In any order and any part, what `VAE.sample(start=index)` gives: neighbours that follow each other are drawn at
    once. label, temperature: of `VAE.sample`.
    """

    column: str = "index"
    seed: int = 0
    label: str | int | None = None
    temperature: float = 1.0

    def _read(self, row: Any) -> Any:
        if isinstance(row, (float, np.floating)) and float(row).is_integer() and abs(float(row)) < 2**53:
            row = int(row)  # tables make a whole column float where one row has no number
        return whole_number(row, "the index")

    def _compute(self, rows: list[Any]) -> Batch:
        images = np.empty((len(rows), *self.vae.image_shape), np.float32)
        begin = 0
        while begin < len(rows):
            end = begin + 1
            while end < len(rows) and rows[end] == rows[end - 1] + 1:
                end += 1
            images[begin:end] = self.vae.sample(
                end - begin,
                label=self.label,
                seed=self.seed,
                start=rows[begin],
                temperature=self.temperature,
                batch_size=self.batch_size,
            )
            begin = end
        return self._result(images)
