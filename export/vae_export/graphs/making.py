"""The graphs of a model, by role, as torch's exporter makes them."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import onnx
import torch

from vae_runtime.model.folder import stamps
from vae_runtime.model.gate import OPSET

from .finishing import finish, tidy
from .functions import Function, Functions
from .simplifying import simplified

MIN_ONNXRUNTIME = "1.15"  # reads the opset and IR version of the format; the exporter itself writes IR 10


def export_graphs(functions: Functions, *, metadata: Mapping[str, str]) -> tuple[dict[str, bytes], str]:
    """The graphs as bytes, by role, and the id that they share: two to four, and a detector's."""
    graphs = {role: _export(function, role) for role, function in functions.items()}
    pair_id = hashlib.sha256(b"".join(graph.SerializeToString(deterministic=True) for graph in graphs.values()))
    name = pair_id.hexdigest()[:16]
    return {role: finish(graph, role, {**metadata, **stamps(role, name)}) for role, graph in graphs.items()}, name


def _export(function: Function, role: str) -> onnx.ModelProto:
    batch, example = torch.export.Dim("batch"), torch.zeros(2, *function.shape)  # 0 or 1 would be taken for a constant
    with _quiet():
        program = torch.onnx.export(
            function.module.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (example,),
            input_names=["taken"],
            output_names=[f"given_{name}" for name in function.outputs],
            opset_version=OPSET,
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )
        assert program is not None
    return tidy(simplified(_named(program.model_proto, function), role))


def _named(model: onnx.ModelProto, function: Function) -> onnx.ModelProto:
    """With the format's names; the exporter would give them to tensors inside as well, where torch calls them so."""
    graph = model.graph
    ends = {graph.input[0].name: function.input}
    ends |= {value.name: name for value, name in zip(graph.output, function.outputs, strict=True)}
    inside = {name: f"{name}_inside" for name in ends.values()}
    names = {**inside, **ends}
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model


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
