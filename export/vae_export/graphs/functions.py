"""What becomes a graph: a module of one tensor, with the names that the format gives to what it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import nn
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.networks import VAE

from vae_runtime.model.manifest import DETECTOR
from vae_runtime.model.prior import PRIORS
from vae_runtime.model.sides import Shape

from .coders import DecoderGraph, EncoderGraph
from .flow import PRIOR_MODULES


class Function(NamedTuple):
    """A module of one tensor, the names of what it takes and gives, and the shape of what it takes, without batch."""

    module: nn.Module
    input: str
    outputs: Sequence[str]
    shape: tuple[int, ...]


Functions = Mapping[str, Function]  # by role


def run_functions(model: VAE, config: Config, detector: Detector | None = None) -> Functions:
    """Those of a run: encoder and decoder, those of a learned prior, and the detector's."""
    decoded = ["images", *model.likelihood.to_runtime().decoded]
    images, latents = config.image_shape, (config.latent_size,)
    signatures = PRIORS[model.prior.name].graphs(latents)
    prior = PRIOR_MODULES[model.prior.name](model.prior)
    return {
        "encoder": Function(EncoderGraph(model), "images", ["mean", "logvar"], images),
        "decoder": Function(DecoderGraph(model, decoded), "z", decoded, latents),
        **{role: Function(module, *names_of(signatures[role]), latents) for role, module in prior.items()},
        **({DETECTOR: Function(detector, "images", ["faults"], images)} if detector else {}),
    }


def names_of(signature: tuple[Mapping[str, Shape], Mapping[str, Shape]]) -> tuple[str, list[str]]:
    """The one input and the outputs of a graph."""
    (taken,), given = signature
    return taken, list(given)
