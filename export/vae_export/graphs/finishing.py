"""A graph made fit for a model folder: without what the exporter adds of this machine, stamped, and checked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import onnx.checker
import onnx.numpy_helper

from vae_runtime.model.gate import IR_VERSION
from vae_runtime.model.shapes import OPERATORS

from ..errors import ExportError


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
        for place, name in enumerate(node.output):
            node.output[place] = names.setdefault(name, f"{node.name}_{place}" if place else node.name)
    return graph
