"""A traced graph in the operators of the format; one that has others is refused, with their place in the module."""

from __future__ import annotations

import ast

import onnx
from onnx import numpy_helper

from vae_runtime.model.shapes import OPERATORS

from ..errors import ExportError
from .batches import fold_shapes
from .editing import Editor
from .rewriting import rewrite_operators
from .untraceable import readable

# What to do about operators that people meet; the rest have the last remedy.
REMEDIES = {
    "RandomNormal": "the module draws its own noise: give the one that returns mean and logvar",
    "RandomUniform": "the module draws its own noise: give the one that returns mean and logvar",
    "Bernoulli": "dropout is on, or the module draws its own noise: give one that does neither",
    "NonZero": "what it computes has a shape that depends on the data: pick places by fixed numbers",
    "Compress": "what it computes has a shape that depends on the data: pick places by fixed numbers",
    "TopK": "it picks by value, which the format does not: give one codebook entry's place by a matrix product",
    "ArgMax": "it picks by value, as vector quantisation does: export what precedes it, whose latents are numbers",
    "ArgMin": "it picks by value, as vector quantisation does: export what precedes it, whose latents are numbers",
    "Where": "write the choice as arithmetic, such as clamp or relu",
    "If": "its forward chooses by value: write the choice as arithmetic, such as clamp or relu",
    "Loop": "its forward loops by value: make the count a fixed number",
    "Shape": "its shapes depend on the data in a way that is not understood: use fixed sizes but for the batch",
}
USUAL_REMEDY = "write that layer in other operations of torch, or leave it out"


def simplified(model: onnx.ModelProto, role: str) -> onnx.ModelProto:
    """The same function without computed shapes, BatchNorm and other operators that can be written otherwise."""
    if {node.op_type for node in model.graph.node} - OPERATORS or _has_loose_shapes(model):
        editor = Editor(model)
        fold_shapes(editor)
        rewrite_operators(editor)
        editor.finish()
    if unknown := [node for node in model.graph.node if node.op_type not in OPERATORS]:
        node = min(unknown, key=lambda each: _rank(each.op_type))  # the one that tells most
        remedy = dict(enumerate(REMEDIES.values())).get(_rank(node.op_type), USUAL_REMEDY)
        raise ExportError(
            f"the {role} needs the operator {node.op_type}, {place_of(node, role)}, which the format does not have: "
            f"{remedy}."
        )
    return model


def _rank(operator: str) -> int:
    return next((rank for rank, name in enumerate(REMEDIES) if operator.startswith(name)), len(REMEDIES))


def place_of(node: onnx.NodeProto, role: str) -> str:
    """Where in the module a node comes from, as torch's exporter noted it."""
    noted = {item.key: item.value for item in node.metadata_props}
    try:
        scopes = [str(scope) for scope in ast.literal_eval(noted.get("pkg.torch.onnx.name_scopes", "[]"))]
    except (ValueError, SyntaxError):
        scopes = []
    places = [readable(scope) for scope in scopes[:-1] if readable(scope)]  # the last is the node itself
    return f"at {places[-1]}" if places else f"in the {role}"


def _has_loose_shapes(model: onnx.ModelProto) -> bool:
    """Whether a shape, a list of places or a pair of numbers is not written as the gate reads it."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if _is_list(tensor)}
    for node in model.graph.node:
        lists = [constants.get(name) for name in node.input[1:] if name]
        if node.op_type == "Reshape" and (lists[0] is None or list(lists[0]).count(-1) != 1 or 0 in lists[0]):
            return True
        if node.op_type == "Slice" and (len(lists) != 4 or any(each is None or each.min() < 0 for each in lists)):
            return True
        if node.op_type == "Resize" and len(node.input) == 4 and node.input[3]:
            return True
        if node.op_type in ("Max", "Min") and len(node.input) != 2:
            return True
    return False


def _is_list(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == onnx.TensorProto.INT64 and len(tensor.dims) == 1
