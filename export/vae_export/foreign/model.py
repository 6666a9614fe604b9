"""What a model is that somebody else trained: its two halves in torch, and what only its maker can tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_runtime.errors import InputError
from vae_runtime.spec import ImageSpec, LatentSpec

ENCODER_GIVES = (None, "mean, logvar", "mean, std", "mean")
DECODER_GIVES = ("images", "logits")
LIKELIHOODS = ("bernoulli", "gaussian", "none")
PRIORS = ("standard_normal", "none")

Half = Callable[..., Any]  # a module, a bound method of one, or a function that calls some


class LearnedPrior(NamedTuple):
    """A prior that an invertible map makes of noise, as modules, bound methods or functions.

    sample: noise eps [batch, *latent_shape] of N(0, I) -> z of the same shape.
    log_prob: z -> (eps, log p(z)): the noise that gives z, and its density in nats, [batch].
    """

    sample: Half
    log_prob: Half


@dataclass(frozen=True, kw_only=True)
class ForeignModel:
    """Encoder and decoder as their maker has them, and what no file says of them; fields as of `export_model`.

    encoder takes images [batch, channels, height, width] in `value_range`; decoder takes the latents that the encoder
    gives. `latent_scale` and `latent_shift` are applied by the export: neither half knows of them.
    """

    encoder: Half
    decoder: Half
    image: ImageSpec
    latent_shape: tuple[int, ...]
    value_range: tuple[float, float] = (0.0, 1.0)
    encoder_gives: str | None = None
    decoder_gives: str = "images"
    likelihood: str = "gaussian"
    sigma: float | tuple[float, ...] | None = None
    prior: str | LearnedPrior = "standard_normal"
    latent_scale: float = 1.0
    latent_shift: float = 0.0
    made_by: str = ""

    @property
    def latent(self) -> LatentSpec:
        """The shape of a latent, and how it is scaled."""
        return LatentSpec(shape=self.latent_shape, scale=self.latent_scale, shift=self.latent_shift)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, before any work is done: an InputError."""
        _require("encoder_gives", self.encoder_gives, ENCODER_GIVES)
        _require("decoder_gives", self.decoder_gives, DECODER_GIVES)
        _require("likelihood", self.likelihood, LIKELIHOODS)
        if not isinstance(self.prior, LearnedPrior):
            _require("prior", self.prior, PRIORS, "a LearnedPrior")
        for name in ("encoder", "decoder"):
            if not callable(getattr(self, name)):
                raise InputError(f"{name} is {type(getattr(self, name)).__name__}; expected a module or a function.")
        assert self.latent  # refuses a shape, scale or shift that is none
        _require_range(self.value_range)
        _require_sigma(self)
        if self.decoder_gives == "images" and self.likelihood == "bernoulli" and tuple(self.value_range) != (0, 1):
            raise InputError(
                f"value_range is {tuple(self.value_range)} and the likelihood bernoulli, whose images are "
                'probabilities in [0, 1]; expected value_range=(0, 1), or likelihood="gaussian".'
            )


class Foreign(NamedTuple):
    """A model of somebody else to export, with pictures that it is like: float32 [n, *image.shape] in [0, 1]."""

    model: ForeignModel
    examples: npt.NDArray[np.float32] | None = None


def _require(name: str, given: object, known: tuple[object, ...], other: str = "") -> None:
    if given not in known:
        expected = ", ".join([*map(repr, known), *([other] if other else [])])
        raise InputError(f"{name} is {given!r}; expected one of {expected}.")


def _require_range(value_range: tuple[float, float]) -> None:
    if len(value_range) != 2 or not -math.inf < value_range[0] < value_range[1] < math.inf:
        raise InputError(f"value_range is {value_range!r}; expected two numbers, black before white, such as (-1, 1).")


def _require_sigma(model: ForeignModel) -> None:
    if model.sigma is None:
        return
    if model.likelihood != "gaussian":
        raise InputError(f'sigma is of likelihood="gaussian"; this one is {model.likelihood!r}.')
    sigmas = model.sigma if isinstance(model.sigma, tuple) else (model.sigma,)
    channels = model.image.shape[0]
    if len(sigmas) not in (1, channels) or not all(0 < sigma < math.inf for sigma in sigmas):
        raise InputError(
            f"sigma is {model.sigma!r}; expected a positive number, or one for each of {channels} channels, in units "
            "of pixels in [0, 1]."
        )
