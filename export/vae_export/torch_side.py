"""The torch side of a model, whoever made it: what its graphs are compared with, and what golden vectors come from."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from vae_train.config import Config
from vae_train.models.prior import Prior
from vae_train.models.sampling import prior_latents

from vae_runtime import from_uint8, to_uint8
from vae_runtime.errors import VAEError

Float32 = npt.NDArray[np.float32]


class TorchLikelihood(Protocol):
    """p(x|z) given what the decoder says; images and `said` are [batch, channels, height, width]."""

    def decoded(self, said: Tensor) -> dict[str, Tensor]:
        """What an exported decoder gives, by name."""

    def mean_image(self, said: Tensor) -> Tensor:
        """Images in [0, 1]."""

    def log_prob(self, images: Tensor, said: Tensor) -> Tensor:
        """log p(x|z), nats: [batch]; without a likelihood minus the squared error."""


class TorchModel(Protocol):
    """Encoder and decoder, and the densities that go with them; vae_train's VAE is one."""

    likelihood: Any  # a TorchLikelihood
    prior: Prior | None  # of latents in rows, [batch, latent_size]; None where there is none

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """images in [0, 1] -> mean and logvar, each [batch, *latent_shape]; without a posterior the mean alone."""

    def decode(self, z: Tensor) -> Tensor:
        """z [batch, *latent_shape] -> what the likelihood is of: [batch, channels, height, width]."""


@dataclass(frozen=True)
class TorchSide:
    """A torch model, its shapes, its detector of faults, and pictures that it is like, where any are at hand."""

    model: Any  # a TorchModel and nn.Module
    image_shape: tuple[int, int, int]
    latent_shape: tuple[int, ...]
    detector: nn.Module | None = None
    examples: Float32 | None = None
    dtype: torch.dtype = torch.float32  # what it computes in

    @classmethod
    def of_run(cls, model: nn.Module, config: Config, detector: nn.Module | None = None) -> TorchSide:
        """That of a run of vae_train."""
        return cls(model, config.image_shape, (config.latent_size,), detector)

    @property
    def latent_size(self) -> int:
        """How many numbers a latent has."""
        return math.prod(self.latent_shape)

    def exact(self) -> TorchSide | None:
        """The same in float64; None where it cannot be made double, for its code asks for float32 itself."""
        detector = copy.deepcopy(self.detector).double() if self.detector else None
        try:
            model = copy.deepcopy(self.model).double()
            side = replace(self, model=model, detector=detector, dtype=torch.float64)
            with torch.inference_mode():
                mean, _ = side.model.encode(torch.zeros(1, *self.image_shape, dtype=torch.float64))
                said = side.model.decode(mean)
        except VAEError:
            raise
        except Exception:  # whatever the maker's code raises where float64 meets float32
            return None
        return side if mean.dtype == said.dtype == torch.float64 else None

    @torch.inference_mode()
    def likely_images(self, n: int) -> Float32:
        """Images that the model knows, float32 [n, *image_shape]: its examples, else its own samples at 8 bits."""
        if self.examples is not None:
            return np.ascontiguousarray(np.resize(self.examples, (n, *self.image_shape)))
        if self.model.prior is None:
            return smooth_images(n, self.image_shape)
        z = prior_latents(self.model, n, self.latent_size, torch.device("cpu"), seed=1)
        z = z.reshape(n, *self.latent_shape).to(self.dtype)
        return from_uint8(to_uint8(self.model.mean_image(z).float().numpy()))

    def flat(self, latents: Tensor) -> Tensor:
        """[batch, *latent_shape] -> rows [batch, latent_size], in C order."""
        return latents.reshape(len(latents), self.latent_size)

    def shaped(self, rows: Tensor) -> Tensor:
        """The inverse of `flat`."""
        return rows.reshape(len(rows), *self.latent_shape)


def decoded(side: TorchSide, z: Tensor) -> Mapping[str, Tensor]:
    """All outputs of the decoder by name, for z [batch, *latent_shape]."""
    outputs: Mapping[str, Tensor] = side.model.likelihood.decoded(side.model.decode(z))
    return outputs


def smooth_images(n: int, shape: tuple[int, int, int]) -> Float32:
    """Pictures of slow waves, seeded: for a model that has neither a prior to sample nor examples."""
    channels, height, width = shape
    random = np.random.default_rng(0)
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
    images = np.empty((n, *shape), np.float32)
    for image in images.reshape(n * channels, height, width):
        fx, fy, phase = random.uniform(-2, 2, 3)
        image[:] = 0.5 + 0.5 * np.sin(2 * np.pi * (fx * x + fy * y + phase))
    return images
