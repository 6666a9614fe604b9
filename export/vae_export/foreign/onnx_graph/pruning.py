"""The part of a graph that some of its outputs need, with all computed beforehand that is constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.reference import ReferenceEvaluator

from vae_runtime.errors import InputError

from .refusals import FLOWS, RANDOM, require_known
from .signature import Port, Signature
from .step import Step
from .values import Known


class Pruned(NamedTuple):
    """Steps in their order, and the constants that they take."""

    input: str
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    constants: dict[str, Known]


def prune(model: onnx.ModelProto, signature: Signature, outputs: Sequence[str], place: str) -> Pruned:
    """What computes `outputs`; an ExportError names the first node that cannot be brought in.

    A Keras encoder that also draws z, for one, is taken without the draw if the outputs are mean and logvar.
    """
    graph = model.graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    steps: list[Step] = []
    for node in _needed(graph, outputs):
        if node.op_type not in (*RANDOM, *FLOWS) and all(name in constants or not name for name in node.input):
            constants.update(_folded(model, node, constants))
            continue
        step = Step.of(node, place)
        require_known(step)
        steps.append(step)
    input = _input(steps, signature, place)
    if input.sides and input.sides[0] is not None:
        _open_batch(steps, constants, input.sides[0])
    taken = {name for step in steps for name in step.inputs} | set(outputs)
    kept = {name: _whole(array) for name, array in constants.items() if name in taken}
    return Pruned(input.name, tuple(outputs), tuple(steps), kept)


def _input(steps: Sequence[Step], signature: Signature, place: str) -> Port:
    """The one input that is needed."""
    taken = {name for step in steps for name in step.inputs}
    ports = [port for port in signature.inputs if port.name in taken]
    if len(ports) != 1:
        names = ", ".join(repr(port.name) for port in ports) or "nothing"
        raise InputError(f"{place} computes what it gives of {names}; expected a graph of one input.")
    return ports[0]


def _open_batch(steps: Sequence[Step], constants: dict[str, Known], batch: int) -> None:
    """Let constants that shape tensors of a fixed batch copy the side that comes: 0 says so to a Reshape."""
    for step in steps:
        shape = constants.get(step.inputs[1]) if step.operator == "Reshape" and not step.get("allowzero", 0) else None
        if shape is not None and shape.size > 1 and shape[0] == batch:
            constants[step.inputs[1]] = np.concatenate([np.zeros(1, shape.dtype), shape[1:]])


def _needed(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that `outputs` depend on, in their order."""
    wanted, needed = set(outputs), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            needed.append(node)
            wanted |= set(node.input)
    return needed[::-1]


def _folded(model: onnx.ModelProto, node: onnx.NodeProto, constants: dict[str, Known]) -> dict[str, Known]:
    """The outputs of a node of constants, by ONNX's own definition of it."""
    opsets = {item.domain: item.version for item in model.opset_import}
    given = ReferenceEvaluator(node, opsets=opsets).run(None, {name: constants[name] for name in node.input if name})
    return {name: np.asarray(array) for name, array in zip(node.output, given, strict=True)}


def _whole(array: Known) -> Known:
    """Floats of every width as float32: the module computes in it, and in float64 where it is compared."""
    return array.astype(np.float32) if array.dtype.kind == "f" or array.dtype.name == "bfloat16" else array
