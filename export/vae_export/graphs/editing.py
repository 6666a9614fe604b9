"""A graph that is being changed: its constants, the shapes and makers of its tensors, nodes put in others' place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from .inference import Sides, inferred_shapes

BATCHES = (2, 3)  # shapes are inferred for both: what differs is the batch's side


class Editor:
    """The nodes of a model's graph, which its methods change; `finish` puts them into the model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        self._shapes = [inferred_shapes(model, batch) for batch in BATCHES]
        self.nodes = list(self.graph.node)
        self._count = 0

    def maker(self, name: str) -> NodeProto | None:
        """The node that gives a tensor."""
        return next((node for node in self.nodes if name in node.output), None)

    def users(self, name: str) -> list[NodeProto]:
        """The nodes that take a tensor."""
        return [node for node in self.nodes if name in node.input]

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
        at = next(place for place, each in enumerate(self.nodes) if each is node)
        for new in nodes:
            new.metadata_props.extend(node.metadata_props)
        self.nodes[at : at + 1] = nodes

    def bypass(self, node: NodeProto, name: str) -> bool:
        """Let a tensor stand for what a node gives; False where the node gives what the graph gives."""
        (given,) = node.output
        if self.is_output(given):
            return False
        for user in self.users(given):
            user.input[:] = [name if each == given else each for each in user.input]
        return True

    def finish(self) -> None:
        """Put the nodes into the model, without those and the constants that nothing needs."""
        needed = {value.name for value in self.graph.output}
        kept: list[NodeProto] = []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        nodes = [copied(node) for node in reversed(kept)]
        tensors = [tensor for tensor in self.graph.initializer if tensor.name in needed]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        if len(tensors) < len(self.graph.initializer):
            tensors = [copied(tensor) for tensor in tensors]
            del self.graph.initializer[:]
            self.graph.initializer.extend(tensors)


def node(operator: str, inputs: Iterable[str], output: str, **attributes: Any) -> NodeProto:
    """A new node of one output."""
    return helper.make_node(operator, list(inputs), [output], **attributes)


def attribute(of: NodeProto, name: str, default: Any) -> Any:
    """An attribute of a node."""
    return next((helper.get_attribute_value(each) for each in of.attribute if each.name == name), default)


def copied(message: Any) -> Any:
    """A message that does not go with the list that it came from."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
