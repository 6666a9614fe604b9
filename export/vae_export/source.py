"""What is exported: a model in torch, wherever it comes from, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vae_runtime.maths.likelihood import Likelihood
from vae_runtime.model.manifest import Label
from vae_runtime.spec import ImageSpec, LatentSpec

from .graphs.functions import Functions
from .int8.recipe import Recipe
from .torch_side import TorchSide

PIXEL_FORMATS = {1: "Gray8", 3: "Rgb8"}  # by channels, as ONNX's metadata calls them


class Source(Protocol):
    """A model to export: `RunSource` of this project's runs, `ForeignSource` of everybody else's."""

    @property
    def image(self) -> ImageSpec:
        """What a picture must become."""

    @property
    def latent(self) -> LatentSpec:
        """The shape of a latent."""

    @property
    def prior(self) -> str:
        """The family of p(z), or none."""

    @property
    def posterior(self) -> str:
        """The family of q(z|x), or none."""

    @property
    def likelihood(self) -> Likelihood:
        """p(x|z), as the runtime computes it."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """The classes of a labelled prior, as the manifest has them."""

    @property
    def side(self) -> TorchSide:
        """The torch model, which the graphs are compared with."""

    @property
    def functions(self) -> Functions:
        """What becomes the graphs, by role."""

    @property
    def recipe(self) -> Recipe | None:
        """For 8-bit graphs, where the source carries one."""

    @property
    def learned_windows(self) -> bool:
        """Whether it was trained on windows of larger pictures, and is calibrated by them."""

    @property
    def examples(self) -> npt.NDArray[np.float32] | None:
        """Pictures that the model is like, float32 [n, channels, height, width] in [0, 1], where some were given."""

    def training(self) -> dict[str, Any]:
        """How the model was trained and what was measured of it, as the manifest's `training` has it."""

    def keep(self, folder: Path, recipe: Recipe | None) -> None:
        """Leave in the model's folder `checkpoint` what exports it again, and nothing of an earlier model."""


def metadata(
    license: str, *, image: ImageSpec, latent: LatentSpec, likelihood: Likelihood, prior: str
) -> Mapping[str, str]:
    """ONNX's standard image keys, and the model in short: an orphaned graph still says what it is."""
    return {
        "Image.BitmapPixelFormat": PIXEL_FORMATS[image.shape[0]],
        "Image.ColorSpaceGamma": "SRGB",
        "Image.NominalPixelRange": "Normalized_0_1",
        "model_license": license,
        "vae.image_shape": ",".join(map(str, image.shape)),
        "vae.latent_shape": ",".join(map(str, latent.shape)),
        "vae.likelihood": likelihood.family,
        "vae.prior": prior,
    }
