"""A torch model as ONNX graphs: pure functions, self-contained, stripped, stamped, the same bytes each time."""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnx.checker
import onnx.numpy_helper
import torch
from torch import Tensor, nn
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.networks import LOGVAR_LIMITS, VAE
from vae_train.models.shortcut import ShortcutEncoder

from vae_runtime.model.folder import stamps
from vae_runtime.model.gate import IR_VERSION, OPSET
from vae_runtime.model.manifest import DETECTOR
from vae_runtime.model.prior import PRIORS
from vae_runtime.model.shapes import OPERATORS

from .errors import ExportError
from .flow import PRIOR_MODULES
from .linear import linear

MIN_ONNXRUNTIME = "1.15"  # reads the opset and IR version of the format; the exporter itself writes IR 10


class EncoderGraph(nn.Module):
    """images -> mean, logvar. The one linear head becomes two, so that the graph needs no Split."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        encoder = model.encoder
        assert isinstance(encoder, (nn.Sequential, ShortcutEncoder))
        *body, head = (encoder.body, encoder.head) if isinstance(encoder, ShortcutEncoder) else encoder
        assert isinstance(head, nn.Linear)
        self.body = nn.Sequential(*body)
        (mean_weight, logvar_weight), (mean_bias, logvar_bias) = head.weight.chunk(2), head.bias.chunk(2)
        self.mean = linear(mean_weight, mean_bias)
        self.logvar = linear(logvar_weight, logvar_bias)
        self.shortcut = None
        if isinstance(encoder, ShortcutEncoder):
            self.shortcut = nn.Sequential(encoder.pool, encoder.linear)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images)
        mean: Tensor = self.mean(features)
        if self.shortcut is not None:
            mean = mean + self.shortcut(images)
        return mean, self.logvar(features).clamp(*LOGVAR_LIMITS)


class DecoderGraph(nn.Module):
    """z -> images, the mean of p(x|z), and what else the likelihood is computed from."""

    def __init__(self, model: VAE, names: Sequence[str]) -> None:
        super().__init__()
        self.body, self.decoded, self.names = model.decoder, model.likelihood.decoded, names

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        outputs = self.decoded(self.body(z))
        return tuple(outputs[name] for name in self.names)


def export_graphs(
    model: VAE, config: Config, *, detector: Detector | None = None, metadata: dict[str, str]
) -> tuple[dict[str, bytes], str]:
    """The graphs as bytes, by role, and the id that they share: two to four, and a detector's."""
    images = torch.zeros(2, *config.image_shape)  # a batch of 0 or 1 would be taken for a constant
    z = torch.zeros(2, config.latent_size)
    decoded = ["images", *model.likelihood.to_runtime().decoded]
    graphs = {
        "encoder": _export(EncoderGraph(model), images, "images", ["mean", "logvar"]),
        "decoder": _export(DecoderGraph(model, decoded), z, "z", decoded),
    }
    signatures = PRIORS[model.prior.name].graphs(config.latent_size)
    for role, module in PRIOR_MODULES[model.prior.name](model.prior).items():
        (input_name,), outputs = signatures[role]
        graphs[role] = _export(module, z, input_name, list(outputs))
    if detector:
        graphs[DETECTOR] = _export(detector, images, "images", ["faults"])
    pair_id = hashlib.sha256(b"".join(graph.SerializeToString(deterministic=True) for graph in graphs.values()))
    name = pair_id.hexdigest()[:16]
    return {role: finish(graph, role, {**metadata, **stamps(role, name)}) for role, graph in graphs.items()}, name


def finish(graph: onnx.ModelProto, role: str, metadata: dict[str, str]) -> bytes:
    """Stamp and check a tidy graph; the same bytes each time."""
    onnx.helper.set_model_props(graph, metadata)
    check_graph(graph, role)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def check_graph(graph: onnx.ModelProto, role: str) -> None:
    """Refuse what a model folder may not hold: the format's promises about graphs, read from the graph itself."""
    onnx.checker.check_model(graph, full_check=True)
    if graph.functions or len(graph.opset_import) != 1 or graph.opset_import[0].domain not in ("", "ai.onnx"):
        raise ExportError(f"the {role} graph uses functions or operators outside ONNX's own domain.")
    for node in graph.graph.node:
        if node.op_type not in OPERATORS:
            raise ExportError(f"the {role} graph holds {node.op_type}, which is not among {sorted(OPERATORS)}.")
    for tensor in graph.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ExportError(f"the {role} graph keeps {tensor.name} in another file.")
        if not np.isfinite(onnx.numpy_helper.to_array(tensor).astype(np.float64)).all():
            raise ExportError(f"the weight {tensor.name} of the {role} holds NaN or infinity; train again.")
    content = graph.SerializeToString()
    for place in ("/home/", "/Users/", ":\\Users\\", f"{Path.home()}{os.sep}", f"{Path.cwd()}{os.sep}"):
        if place.encode() in content:
            raise ExportError(f"the {role} graph names a path of this machine, under {place}.")


def _export(module: nn.Module, example: Tensor, input_name: str, output_names: list[str]) -> onnx.ModelProto:
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            module.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (example,),
            input_names=[input_name],
            output_names=output_names,
            opset_version=OPSET,
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )
        assert program is not None
    return tidy(program.model_proto)


def tidy(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Without the names and notes of the machine and process that made it."""
    return _renamed(_stripped(graph))


def _stripped(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Without what the exporter adds of this machine: source lines, paths, versions."""
    graph.ir_version = IR_VERSION
    graph.producer_name, graph.producer_version, graph.doc_string = "vae-runtime", "", ""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]  # shape inference makes them again
    graph.graph.name, graph.graph.doc_string = "graph", ""
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for tensor in graph.graph.initializer:  # in one form of the many that there are
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    for value in (*graph.graph.input, *graph.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
        if value.name == "images":  # the tensor that ONNX's standard Image.* metadata speaks of
            value.type.denotation = "IMAGE"
    return graph


def _renamed(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Names that count within the graph: the exporter's count whatever the process traced before."""
    kept = {value.name for value in (*graph.graph.input, *graph.graph.output)}
    weights = {tensor.name for tensor in graph.graph.initializer if "." in tensor.name}
    names = {name: name for name in kept | weights | {""}}
    for index, tensor in enumerate(graph.graph.initializer):
        tensor.name = names.setdefault(tensor.name, f"constant_{index}")
    for index, node in enumerate(graph.graph.node):
        node.name = f"{node.op_type.lower()}_{index}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names.setdefault(name, node.name) for name in node.output]
    return graph


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
