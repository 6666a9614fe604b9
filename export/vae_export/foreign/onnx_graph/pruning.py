"""The part of a graph that some of its outputs need, with all computed beforehand that is constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.reference import ReferenceEvaluator

from .refusals import FLOWS, RANDOM, require_known
from .step import Step
from .values import Known


class Pruned(NamedTuple):
    """Steps in their order, and the constants that they take."""

    input: str
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    constants: dict[str, Known]


def prune(model: onnx.ModelProto, input: str, outputs: Sequence[str], place: str) -> Pruned:
    """What computes `outputs` of `input`; an ExportError names the first node that cannot be brought in.

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
    taken = {name for step in steps for name in step.inputs} | set(outputs)
    kept = {name: _whole(array) for name, array in constants.items() if name in taken}
    return Pruned(input, tuple(outputs), tuple(steps), kept)


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
