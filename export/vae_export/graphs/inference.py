"""The shape of every tensor of a graph for a batch of so many rows, with the shapes that it computes itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Sides = tuple[int, ...]
SMALL = 64  # numbers of a constant that a shape may depend on
COMPUTED = ("Add", "Cast", "Concat", "Div", "Gather", "Identity", "Max", "Min", "Mul", "Range", "Reshape", "Slice")
SHAPE_OPERATORS = (*COMPUTED, "Squeeze", "Sub", "Unsqueeze", "Where", "Equal", "ConstantOfShape")


def inferred_shapes(model: onnx.ModelProto, batch: int) -> dict[str, Sides]:
    """Shapes by name, of tensors whose shape follows from the graph alone."""
    fixed = _without_weights(model, batch)
    while True:
        shapes = _inferred(fixed)
        if not _fold_one_layer(fixed.graph, shapes):
            return shapes


def _without_weights(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """The graph for this batch; of large constants the shapes alone."""
    graph = model.graph
    inputs = []
    for value in graph.input:
        sides = [batch, *(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])]
        inputs.append(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, sides))
    small = [tensor for tensor in graph.initializer if np.prod(tensor.dims) <= SMALL]
    for tensor in graph.initializer:
        if np.prod(tensor.dims) > SMALL:
            inputs.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    outputs = [helper.make_tensor_value_info(value.name, TensorProto.FLOAT, None) for value in graph.output]
    fixed = helper.make_graph(list(graph.node), "fixed", inputs, outputs, small)
    return helper.make_model(fixed, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def _inferred(fixed: onnx.ModelProto) -> dict[str, Sides]:
    shapes = {}
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    for value in (*graph.value_info, *graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    return shapes


def _fold_one_layer(graph: onnx.GraphProto, shapes: dict[str, Sides]) -> bool:
    """Compute what follows from these shapes, in place; whether there was anything."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        values = _computed(node, shapes, constants)
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            constants[name] = value
            graph.initializer.append(numpy_helper.from_array(value, name))
    changed = len(kept) < len(graph.node)
    del graph.node[:]
    graph.node.extend(kept)
    return changed


def _computed(
    node: NodeProto, shapes: dict[str, Sides], constants: dict[str, npt.NDArray[Any]]
) -> list[npt.NDArray[Any]] | None:
    """The outputs of a node of shapes; None where it is of something else, or not known yet."""
    if node.op_type == "Shape" and node.input[0] in shapes:
        constants = {node.input[0]: np.empty(shapes[node.input[0]], bool)}
    elif (
        node.op_type not in SHAPE_OPERATORS
        or not all(name in constants for name in node.input if name)
        or any(constants[name].size > SMALL for name in node.input if name)
    ):
        return None
    given = {name: constants[name] for name in node.input if name}
    values = [np.asarray(value) for value in ReferenceEvaluator(node).run(None, given)]
    return values if all(value.size <= SMALL for value in values) else None
