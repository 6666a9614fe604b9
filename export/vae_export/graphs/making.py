"""The graphs of a model, by role, as torch's exporter makes them."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import onnx
import torch
from torch import Tensor, nn
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.networks import VAE

from vae_runtime.model.folder import stamps
from vae_runtime.model.gate import OPSET
from vae_runtime.model.manifest import DETECTOR
from vae_runtime.model.prior import PRIORS
from vae_runtime.model.sides import Shape

from .coders import DecoderGraph, EncoderGraph
from .finishing import finish, tidy
from .flow import PRIOR_MODULES

MIN_ONNXRUNTIME = "1.15"  # reads the opset and IR version of the format; the exporter itself writes IR 10


class Function(NamedTuple):
    """A module of one tensor, and the names of what it takes and gives."""

    module: nn.Module
    input: str
    outputs: Sequence[str]


def export_graphs(
    model: VAE, config: Config, *, detector: Detector | None = None, metadata: dict[str, str]
) -> tuple[dict[str, bytes], str]:
    """The graphs as bytes, by role, and the id that they share: two to four, and a detector's."""
    latents = torch.zeros(2, config.latent_size)  # a batch of 0 or 1 would be taken for a constant
    examples = {"images": torch.zeros(2, *config.image_shape), "z": latents, "eps": latents}
    graphs = {
        role: _export(function, examples[function.input])
        for role, function in _functions(model, config, detector).items()
    }
    pair_id = hashlib.sha256(b"".join(graph.SerializeToString(deterministic=True) for graph in graphs.values()))
    name = pair_id.hexdigest()[:16]
    return {role: finish(graph, role, {**metadata, **stamps(role, name)}) for role, graph in graphs.items()}, name


def _functions(model: VAE, config: Config, detector: Detector | None) -> dict[str, Function]:
    """What becomes a graph, by role."""
    decoded = ["images", *model.likelihood.to_runtime().decoded]
    signatures = PRIORS[model.prior.name].graphs((config.latent_size,))
    prior = PRIOR_MODULES[model.prior.name](model.prior)
    return {
        "encoder": Function(EncoderGraph(model), "images", ["mean", "logvar"]),
        "decoder": Function(DecoderGraph(model, decoded), "z", decoded),
        **{role: Function(module, *_names(signatures[role])) for role, module in prior.items()},
        **({DETECTOR: Function(detector, "images", ["faults"])} if detector else {}),
    }


def _names(signature: tuple[Mapping[str, Shape], Mapping[str, Shape]]) -> tuple[str, list[str]]:
    """The one input and the outputs of a graph."""
    (taken,), given = signature
    return taken, list(given)


def _export(function: Function, example: Tensor) -> onnx.ModelProto:
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            function.module.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (example,),
            input_names=[function.input],
            output_names=list(function.outputs),
            opset_version=OPSET,
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )
        assert program is not None
    return tidy(program.model_proto)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its own deprecations and steps; none is about the model."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
