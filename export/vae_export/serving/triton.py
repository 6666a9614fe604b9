"""What Triton must know of a graph or of a chain of graphs: the text of a `config.pbtxt`.

The names, types and shapes are read from the graph itself, so the text cannot say anything else. Triton counts the
batch apart: `dims` are those of one row. docs/SERVING.md says why each setting is as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import onnx

FILE_NAME = "config.pbtxt"
GRAPH = "model.onnx"
_TYPES: dict[int, str] = {onnx.TensorProto.FLOAT: "TYPE_FP32"}  # the format has no other at a graph's boundary


class Tensor(NamedTuple):
    """An input or output of one row: its name, Triton's type, and its shape without the batch."""

    name: str
    type: str
    shape: tuple[int, ...]


class Graph(NamedTuple):
    """What stands at the boundary of a graph."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Step(NamedTuple):
    """A model of a chain; the tensors that it takes and gives, by its own name and by the chain's."""

    model: str
    inputs: dict[str, str]
    outputs: dict[str, str]


def boundary(content: bytes) -> Graph:
    """Inputs and outputs of a graph file of the format."""
    graph = onnx.load_from_string(content).graph
    return Graph(tuple(map(_tensor, graph.input)), tuple(map(_tensor, graph.output)))


def graph_config(name: str, graph: Graph, *, max_batch: int) -> str:
    """The configuration of one graph, run by onnxruntime on the processor, requests joined to batches."""
    return (
        f'name: "{name}"\nbackend: "onnxruntime"\ndefault_model_filename: "{GRAPH}"\n'
        + _signature(graph.inputs, graph.outputs, max_batch)
        + "dynamic_batching { }\n"  # no request waits for another; those that queue up anyway run together
        + "instance_group [ { count: 1 kind: KIND_CPU } ]\n"
        # By default onnxruntime takes a thread for each core it sees, for every graph, whatever the container may use.
        + 'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n'
    )


def chain_config(
    name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], steps: Sequence[Step], *, max_batch: int
) -> str:
    """The configuration of models that run one after the other in one request: Triton calls it an ensemble."""
    return (
        f'name: "{name}"\nplatform: "ensemble"\n'
        + _signature(inputs, outputs, max_batch)
        + "ensemble_scheduling {\n"
        + "".join(map(_step, steps))
        + "}\n"
    )


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    return Tensor(value.name, _TYPES[kind.elem_type], tuple(dim.dim_value for dim in kind.shape.dim[1:]))


def _signature(inputs: Sequence[Tensor], outputs: Sequence[Tensor], max_batch: int) -> str:
    return f"max_batch_size: {max_batch}\ninput [\n{_listed(inputs)}\n]\noutput [\n{_listed(outputs)}\n]\n"


def _listed(tensors: Sequence[Tensor]) -> str:
    return ",\n".join(f'  {{ name: "{name}" data_type: {type} {_dims(shape)} }}' for name, type, shape in tensors)


def _dims(shape: tuple[int, ...]) -> str:
    """One number a row has no dims, which Triton refuses: clients see [batch, 1], the graph [batch]."""
    return f"dims: [ {', '.join(map(str, shape))} ]" if shape else "dims: [ 1 ] reshape { shape: [ ] }"


def _step(step: Step) -> str:
    lines = [f'    model_name: "{step.model}"', "    model_version: -1"]  # -1: the newest
    for field, names in (("input_map", step.inputs), ("output_map", step.outputs)):
        lines += [f'    {field} {{ key: "{own}" value: "{chain}" }}' for own, chain in names.items()]
    return "  step {\n" + "\n".join(lines) + "\n  }\n"
