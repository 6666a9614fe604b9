"""A program that torch.export traced, as a module of any precision, without what tracing left in it.

Tracing writes down the type of every number, the batch as a symbol, and each step from stored weights to used ones. A
model folder has a float64 truth beside its float32 graphs, and graphs in which nothing computes shapes.
"""

from __future__ import annotations

import sys
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from vae_runtime.errors import InputError

aten = torch.ops.aten

CASTS = (aten.to.dtype_layout, aten.to.dtype, aten.to.device, aten._to_copy.default, aten.contiguous.default)
REMARKS = (aten._assert_tensor_metadata.default, aten._assert_scalar.default)
SHAPES = (aten.reshape.default, aten.view.default, aten._unsafe_view.default)
LAYOUT = (
    *SHAPES,
    *(aten.flatten.using_ints, aten.unflatten.int, aten.squeeze.dim, aten.unsqueeze.default),
    *(aten.permute.default, aten.transpose.int),
)
NOISE = ("rand", "normal", "bernoulli", "dropout")


def free_module(program: ExportedProgram, where: str) -> nn.Module:
    """The program's module; what draws noise in it is an InputError that begins with `where`."""
    traced = program.module()
    assert isinstance(traced, fx.GraphModule)
    graph = traced.graph
    for node in list(graph.nodes):
        _free(graph, node, where)
    constants = _constants(traced)
    for node in list(graph.nodes):
        if node in constants and node.op == "call_function":
            _replace(graph, node, constants)
    weights: dict[str, Tensor] = {}
    for count, node in enumerate(node for node in graph.nodes if node.op == "get_attr"):
        node.target = f"weight_{count}"  # flat names, whatever they were called
        weights[node.target] = constants[node].detach()
    module = fx.GraphModule(weights, graph)
    module.graph.eliminate_dead_code()
    module.recompile()
    for name in weights.keys() - {node.target for node in module.graph.nodes}:
        delattr(module, name)
    return module.eval()


def last_operator(module: nn.Module) -> str:
    """The name of what computes the one output of a free module: layout aside, the last step."""
    assert isinstance(module, fx.GraphModule)
    (node,) = (node for node in module.graph.nodes if node.op == "output")
    while node.op == "output" or node.target in LAYOUT:
        (node,) = node.all_input_nodes[:1]
    return getattr(node.target, "__name__", node.op).split(".")[0]


def _free(graph: fx.Graph, node: fx.Node, where: str) -> None:
    """Remove a node that does nothing, or nothing but say what is so."""
    if node.op == "call_module" or node.target in REMARKS:  # the guards of the shapes it was traced with
        graph.erase_node(node)
    elif _is_idle(node):
        node.replace_all_uses_with(cast(fx.Node, node.args[0]))
        graph.erase_node(node)
    elif node.target == aten.sigmoid.default:
        node.target = torch.sigmoid  # under the name by which a decoder's logits are looked for
    elif node.target == aten.slice.Tensor:
        node.args = _counted_from_the_start(node)
    elif node.target in SHAPES:
        source, sides = node.args[0], cast("list[Any]", node.args[1])
        symbols = [place for place, side in enumerate(sides) if isinstance(side, fx.Node)]
        if len(symbols) == 1 and -1 not in sides:  # the batch, which whoever runs it can count
            node.args = (source, [-1 if place in symbols else side for place, side in enumerate(sides)])
    elif node.op == "call_function" and any(word in str(node.target) for word in NOISE):
        raise InputError(
            f"{where} draws noise ({node.target}, at {node.name}); expected a network without. Export the module "
            "that gives mean and logvar, in eval mode."
        )


def _counted_from_the_start(node: fx.Node) -> tuple[Any, ...]:
    """Arguments of a slice whose ends are not counted from behind."""
    source, axis, *ends = node.args
    assert isinstance(source, fx.Node) and isinstance(axis, int)
    side = source.meta["val"].shape[axis]
    if not isinstance(side, int):
        return node.args
    for place, end in enumerate(ends[:2]):
        if isinstance(end, int):
            ends[place] = min(end + side if end < 0 else end, side)
    return (source, axis, *ends)


def _is_idle(node: fx.Node) -> bool:
    if node.target == aten.slice.Tensor:
        given: list[Any] = [*node.args, *(None, 0, None, None, 1)[len(node.args) :]]
        _, _, start, end, step = given
        return start in (0, None) and end in (None, sys.maxsize) and step == 1
    if node.target in (aten.dropout.default, aten.feature_dropout.default):
        return not node.args[2]
    if node.target not in CASTS:
        return False
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return bool(source.meta["val"].dtype.is_floating_point and node.meta["val"].dtype.is_floating_point)


def _constants(traced: fx.GraphModule) -> dict[fx.Node, Any]:
    """Values of the nodes that no input reaches."""
    values: dict[fx.Node, Any] = {}
    with torch.no_grad():
        for node in traced.graph.nodes:
            if node.op == "get_attr":
                values[node] = _attribute(traced, node.target)
            elif node.op == "call_function" and node.all_input_nodes and set(node.all_input_nodes) <= values.keys():
                arguments = fx.map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = node.target(*arguments[0], **arguments[1])
    return values


def _replace(graph: fx.Graph, node: fx.Node, constants: dict[fx.Node, Any]) -> None:
    """A value in the place of the steps that make it."""
    if not isinstance(constants[node], Tensor):
        return
    with graph.inserting_before(node):
        stored = graph.create_node("get_attr", node.name)
    stored.meta = dict(node.meta)
    constants[stored] = constants[node].contiguous()
    node.replace_all_uses_with(stored)


def _attribute(module: nn.Module, name: Any) -> Any:
    for part in str(name).split("."):
        module = getattr(module, part)
    return module
