"""p(x|z) given the decoder's logits: one class a family, one entry each in `LIKELIHOODS`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_runtime.errors import InputError
from vae_runtime.maths.bounds import bits_per_dim
from vae_runtime.maths.likelihood import Bernoulli as RuntimeBernoulli
from vae_runtime.maths.likelihood import Gaussian as RuntimeGaussian
from vae_runtime.maths.likelihood import Likelihood as RuntimeLikelihood

from ..config import Config
from .units import BitsPerDim, Nats, Unit

# A density of pixels that come in steps of 1/255 has no upper bound; half a step is where it stops meaning anything.
LEAST_SIGMA = 0.5 / 255
MEAN_MARGIN = 1e-3  # a pixel of the mean picture is no nearer to black and white than this

Images = npt.NDArray[np.uint8]


class Likelihood(nn.Module, ABC):
    """A family of p(x|z); images and logits are [batch, channels, height, width], images in [0, 1]."""

    name: ClassVar[str]  # in a config and in a manifest
    pixels: ClassVar[str]  # what it takes a pixel to be, for people
    unit: ClassVar[Unit]  # that its bounds are shown in
    draws: ClassVar[tuple[int, ...]]  # that `vae evaluate` measures bounds with where nothing else is said
    fits_sigma: ClassVar[bool] = False  # whether held-out images tell its best sigma in closed form

    @property
    def sigma(self) -> float | None:
        """The standard deviation of a pixel, in units of the range [0, 1]; None where there is none."""
        return None

    @abstractmethod
    def log_prob(self, images: Tensor, logits: Tensor) -> Tensor:
        """log p(x|z), summed over pixels: [batch], nats."""

    def mean_image(self, logits: Tensor) -> Tensor:
        """The mean of p(x|z): images in [0, 1]."""
        return logits.sigmoid()

    def at_sigma(self, sigma: float) -> Likelihood:
        """The same family with another sigma."""
        raise TypeError(f"a {self.name} likelihood has no sigma")

    def decoded(self, logits: Tensor) -> dict[str, Tensor]:
        """What an exported decoder gives, by name: the mean image, and what else `to_runtime` computes from."""
        return {"images": self.mean_image(logits)}

    @abstractmethod
    def to_runtime(self) -> RuntimeLikelihood:
        """The same family with the same parameters, as the runtime computes it and a manifest has it."""

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse options of a run that do not go together with this family: an InputError."""

    @classmethod
    def bits_per_dim(cls, bound: float, numbers: int) -> float:
        """A bound on log p(x), nats, as bits a dimension of the 8-bit image; lower is better."""
        return bits_per_dim(-bound, numbers, family=cls.name)

    @classmethod
    @abstractmethod
    def mean_picture_log_prob(cls, mean: npt.NDArray[np.float64], parts: Iterable[Images]) -> float:
        """Mean log p(x) of uint8 images, nats, where p is this family around one mean picture in [0, 1]."""


class Bernoulli(Likelihood):
    """Each pixel is white with probability sigmoid(logit)."""

    name, pixels = "bernoulli", "a pixel is the probability of ink"
    unit, draws = Nats(), (1, 64, 1000)

    def log_prob(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of x log p + (1 - x) log(1 - p): [batch], nats.

        For grey x in (0, 1) this is the cross-entropy that texts train on, not a normalised density.
        """
        return (images * logits - F.softplus(logits)).flatten(1).sum(1)

    def decoded(self, logits: Tensor) -> dict[str, Tensor]:
        return {"images": self.mean_image(logits), "logits": logits}

    def to_runtime(self) -> RuntimeLikelihood:
        return RuntimeBernoulli()

    @classmethod
    def mean_picture_log_prob(cls, mean: npt.NDArray[np.float64], parts: Iterable[Images]) -> float:
        mean = mean.clip(MEAN_MARGIN, 1 - MEAN_MARGIN)
        log_odds, log_white = np.log(mean) - np.log1p(-mean), np.log1p(-mean).sum()
        total, count = 0.0, 0
        for part in parts:
            total, count = total + float((part / 255 * log_odds).sum()), count + len(part)
        return total / count + float(log_white)


class Gaussian(Likelihood):
    """Each channel of a pixel is normal around sigmoid(logit), with one learned standard deviation for all.

    Rybkin, Daniilidis and Levine 2021, "Simple and effective VAE training with calibrated decoders" (sigma-VAE): sigma
    weighs likelihood against KL as the data asks, where a fixed one is a hidden beta.
    """

    name, pixels = "gaussian", "a pixel is a measurement with noise, whose size is learnt"
    unit, draws, fits_sigma = BitsPerDim(), (1, 16), True

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(max(sigma, LEAST_SIGMA))))

    @property
    def sigma(self) -> float:
        """The standard deviation, in units of the pixels' range [0, 1]."""
        return float(self._log_sigma().detach().exp())

    def at_sigma(self, sigma: float) -> Gaussian:
        return Gaussian(sigma)

    def log_prob(self, images: Tensor, logits: Tensor) -> Tensor:
        """Sum over pixels of log N(x; sigmoid(logit), sigma^2): [batch], nats; a density of pixels in [0, 1]."""
        log_sigma = self._log_sigma().to(logits.dtype)
        errors = (images - self.mean_image(logits)) * (-log_sigma).exp()
        return (-0.5 * errors**2 - log_sigma - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def to_runtime(self) -> RuntimeLikelihood:
        return RuntimeGaussian(self.sigma)

    @classmethod
    def check(cls, config: Config) -> None:
        if config.targets == "binarised":
            raise InputError("a Gaussian has no binary pixels; take --targets grey with --likelihood gaussian.")

    @classmethod
    def mean_picture_log_prob(cls, mean: npt.NDArray[np.float64], parts: Iterable[Images]) -> float:
        squares, count = 0.0, 0
        for part in parts:
            squares, count = squares + float(((part / 255 - mean) ** 2).sum()), count + len(part)
        return best_sigma_log_prob(squares / (count * mean.size), mean.size)[0]

    def _log_sigma(self) -> Tensor:
        return self.log_sigma.clamp(min=math.log(LEAST_SIGMA))


def best_sigma_log_prob(mean_square: float, numbers: int) -> tuple[float, float]:
    """Mean log p(x) of a Gaussian whose sigma is the best one for errors of this mean square, nats; and that sigma."""
    sigma = max(math.sqrt(mean_square), LEAST_SIGMA)
    return -0.5 * numbers * (math.log(2 * math.pi * sigma**2) + mean_square / sigma**2), sigma


LIKELIHOODS: dict[str, type[Likelihood]] = {family.name: family for family in (Bernoulli, Gaussian)}


def likelihood_of(config: Config) -> type[Likelihood]:
    """The family that a config names."""
    if config.likelihood not in LIKELIHOODS:
        raise InputError(f"the likelihood is {config.likelihood!r}; expected {' or '.join(LIKELIHOODS)}.")
    return LIKELIHOODS[config.likelihood]
