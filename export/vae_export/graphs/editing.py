"""A graph that is being changed: its constants, shapes and the makers of its tensors, and nodes put in each other's place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

BATCHES = (2, 3)  # shapes are inferred for both: what differs is the batch's side
Sides = tuple[int, ...]


class Editor:
    """The nodes of a model's graph, which its methods change in place."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        self._shapes = [_shapes(model, batch) for batch in BATCHES]
        self._count = 0

    def maker(self, name: str) -> NodeProto | None:
        """The node that gives a tensor."""
        return next((node for node in self.graph.node if name in node.output), None)

    def users(self, name: str) -> list[NodeProto]:
        """The nodes that take a tensor."""
        return [node for node in self.graph.node if name in node.input]

    def is_output(self, name: str) -> bool:
        """Whether a tensor is one that the graph gives."""
        return any(value.name == name for value in self.graph.output)

    def shape(self, name: str) -> Sides | None:
        """A tensor's shape with -1 for the batch's side; None where it cannot be inferred, or two sides vary."""
        if name in self.constants:
            return tuple(self.constants[name].shape)
        two, three = (shapes.get(name) for shapes in self._shapes)
        if two is None or three is None or len(two) != len(three):
            return None
        sides = tuple(one if one == other else -1 for one, other in zip(two, three, strict=True))
        return sides if sides.count(-1) <= 1 else None

    def integers(self, name: str) -> list[int] | None:
        """A constant list of integers."""
        return [int(each) for each in self.constants[name].reshape(-1)] if name in self.constants else None

    def constant(self, array: npt.NDArray[Any]) -> str:
        """The name of a new constant."""
        name = self.new_name()
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        self.constants[name] = array
        return name

    def number(self, value: float) -> str:
        """The name of a new float32 of no sides."""
        return self.constant(np.array(value, np.float32))

    def new_name(self) -> str:
        """One that no tensor has."""
        self._count += 1
        return f"made_here_{self._count}"

    def replace(self, node: NodeProto, nodes: Sequence[NodeProto]) -> None:
        """Put nodes in the place of one; the last gives what it gave."""
        at = list(self.graph.node).index(node)
        for new in nodes:
            new.metadata_props.extend(node.metadata_props)
        kept = list(self.graph.node)
        kept[at : at + 1] = nodes
        del self.graph.node[:]
        self.graph.node.extend(kept)

    def bypass(self, node: NodeProto, name: str) -> bool:
        """Let a tensor stand for what a node gives; False where the node gives what the graph gives."""
        (given,) = node.output
        if self.is_output(given):
            return False
        for user in self.users(given):
            user.input[:] = [name if each == given else each for each in user.input]
        return True

    def prune(self) -> None:
        """Without the nodes and constants that nothing needs."""
        needed = {value.name for value in self.graph.output}
        kept: list[NodeProto] = []
        for node in reversed(self.graph.node):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        _keep(self.graph.node, kept[::-1])
        _keep(self.graph.initializer, [tensor for tensor in self.graph.initializer if tensor.name in needed])


def node(operator: str, inputs: Iterable[str], output: str, **attributes: Any) -> NodeProto:
    """A new node of one output."""
    return helper.make_node(operator, list(inputs), [output], **attributes)


def attribute(of: NodeProto, name: str, default: Any) -> Any:
    """An attribute of a node."""
    return next((helper.get_attribute_value(each) for each in of.attribute if each.name == name), default)


def _keep(repeated: Any, items: list[Any]) -> None:
    if len(items) != len(repeated):
        del repeated[:]
        repeated.extend(items)


def _shapes(model: onnx.ModelProto, batch: int) -> dict[str, Sides]:
    """Shapes of a batch of so many rows, of tensors whose shape can be inferred."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    shapes = {}
    for value in (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    return shapes
