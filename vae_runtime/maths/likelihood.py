"""p(x|z): one object for each family, with its parameters, in one table."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from .gaussian import Float64

if TYPE_CHECKING:
    from ..model.strict_json import Reader

Float32 = npt.NDArray[np.float32]
Terms = npt.NDArray[np.floating]

PIXEL_STEPS = 255  # of a byte over [0, 1]: v stands for a width of 1/255 about v / 255
PROBABILITY_MARGIN = 1e-6  # version 1 clips Bernoulli probabilities to [margin, 1 - margin]


@dataclass(frozen=True)
class Likelihood(ABC):
    """p(x|z), given what the decoder says. Fields of a family are its parameters, as the manifest has them."""

    family: ClassVar[str]
    decoded: ClassVar[tuple[str, ...]] = ()  # outputs of the decoder beside `images`, of the same shape
    needs: ClassVar[tuple[str, ...]] = ("images",)  # outputs of the decoder that a density is computed from
    binary: ClassVar[bool] = False  # of pixels that are dark or light: probabilities, where others are densities
    unit: ClassVar[str] = "nats"  # of what `log_prob` gives
    striking: ClassVar[float] = 2.0  # of that, for a number of an image: what a map shows in full red

    @classmethod
    def read(cls, reader: Reader, channels: int) -> Likelihood:
        """The parameters of a manifest's `likelihood`, of images of so many channels; a bad one is a ManifestError."""
        return cls()

    @property
    def parameters(self) -> dict[str, Any]:
        """By name, as the manifest has them."""
        return asdict(self)

    def log_prob(self, images: Float32, *decoded: Float32) -> Float64:
        """log p(images | z), summed over pixels, nats.

        images and decoded, which is what `needs` names: float32 [..., channels, height, width], broadcast against each
        other. Returns float64 [...].
        """
        terms = self._terms(images, *decoded)
        return np.asarray(terms.reshape(*terms.shape[:-3], math.prod(terms.shape[-3:])).sum(axis=-1, dtype=np.float64))

    def log_prob_map(self, images: Float32, *decoded: Float32) -> Float32:
        """The same, summed over channels alone: float32 [..., height, width], nats a pixel."""
        return np.asarray(self._terms(images, *decoded).sum(axis=-3, dtype=np.float64).astype(np.float32))

    @abstractmethod
    def _terms(self, images: Float32, *decoded: Float32) -> Terms:
        """log p of every number of the images: [..., channels, height, width]."""


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """A pixel is light with probability sigmoid(logit).

    For grey x this is the cross-entropy of texts: exact for x in {0, 1}, and no normalised density between.
    """

    family = "bernoulli"
    decoded = ("logits",)
    needs = ("logits",)
    binary = True

    def _terms(self, images: Float32, *decoded: Float32) -> Terms:
        """x l - softplus(l) in float32, which loses less than the rounding of l itself; nearly nothing for x in {0, 1}.

        softplus(l) = max(l, 0) + ln(1 + exp(-|l|)) overflows nowhere.
        """
        (logits,) = decoded
        with np.errstate(invalid="ignore"):  # of a model that gives infinities: NaN, and not a line on stderr
            return np.asarray(images * logits - np.maximum(logits, 0) - np.log1p(np.exp(-np.abs(logits))))


@dataclass(frozen=True)
class ClippedBernoulli(Likelihood):
    """The same of version 1, from the mean image alone: x ln p + (1 - x) ln(1 - p), both clipped."""

    family = "bernoulli"
    binary = True

    def _terms(self, images: Float32, *decoded: Float32) -> Terms:
        (means,) = decoded
        margin = np.float32(PROBABILITY_MARGIN)
        log_p = np.log(np.clip(means, margin, 1 - margin))
        log_not_p = np.log(np.clip(1 - means, margin, 1 - margin))
        return np.asarray(images * (log_p - log_not_p) + log_not_p)


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """A number is normal about the mean image: a density of pixels in [0, 1].

    sigma: the standard deviation, one for all numbers or one for each channel.
    """

    sigma: float | tuple[float, ...]

    family = "gaussian"

    @classmethod
    def read(cls, reader: Reader, channels: int) -> Gaussian:
        """`sigma`, positive."""
        return cls(reader.positives("sigma", channels) if reader.is_list("sigma") else reader.positive("sigma"))

    def _terms(self, images: Float32, *decoded: Float32) -> Terms:
        (means,) = decoded
        if isinstance(self.sigma, tuple):
            sigma = np.array(self.sigma)[:, None, None]
            constant = np.log(sigma) + 0.5 * math.log(2 * math.pi)
            return np.asarray(-0.5 * ((images.astype(np.float64) - means) / sigma) ** 2 - constant)
        constant = math.log(self.sigma) + 0.5 * math.log(2 * math.pi)
        return np.asarray(-0.5 * ((images.astype(np.float64) - means) / self.sigma) ** 2 - constant)


@dataclass(frozen=True)
class SquaredError(Likelihood):
    """Of a model that gives no density: minus the squared error stands where log p(x|z) would."""

    family = "none"
    unit = "squared error"
    striking = 0.04  # a fifth of the way from black to white, squared

    def _terms(self, images: Float32, *decoded: Float32) -> Terms:
        (means,) = decoded
        return np.asarray(-((images.astype(np.float64) - means) ** 2))


LIKELIHOODS: Mapping[str, type[Likelihood]] = {kind.family: kind for kind in (Bernoulli, Gaussian, SquaredError)}
LIKELIHOODS_1: Mapping[str, type[Likelihood]] = {"bernoulli": ClippedBernoulli, "gaussian": Gaussian}  # of version 1


def read_likelihood(reader: Reader, version: int, channels: int) -> Likelihood:
    """The `likelihood` of a manifest of a format version, for images of so many channels."""
    kinds = LIKELIHOODS_1 if version == 1 else LIKELIHOODS
    likelihood = kinds[reader.choice("family", tuple(kinds))].read(reader, 0 if version == 1 else channels)
    reader.end()
    return likelihood


def written(likelihood: Likelihood) -> dict[str, Any]:
    """As a manifest has it; `read_likelihood` reads it back."""
    return {"family": likelihood.family, **likelihood.parameters}
