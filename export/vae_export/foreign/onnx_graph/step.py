"""A node of a graph: what it is, what it takes and gives, and how it says that it cannot be run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import onnx
from torch import Tensor

from ...errors import ExportError
from .values import Value


@dataclass(frozen=True)
class Step:
    """A node with its attributes as Python has them."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    place: str  # the file that it is in

    @classmethod
    def of(cls, node: onnx.NodeProto, place: str) -> Step:
        """A node of the file `place`; its name is that of its first output where it has none."""
        attributes = {item.name: _python(onnx.helper.get_attribute_value(item)) for item in node.attribute}
        name = node.name or next(iter(node.output), "")
        return cls(name, node.op_type, tuple(node.input), tuple(node.output), attributes, place)

    def get(self, attribute: str, default: Any = None) -> Any:
        """An attribute, or what ONNX says of its absence."""
        return self.attributes.get(attribute, default)

    def numbers(self, value: Value, what: str) -> list[Any]:
        """Known numbers as a flat list; numbers that depend on the images are refused."""
        if value is None or isinstance(value, Tensor):
            self.refuse(f"its {what} depend on the values of images or latents; give a model of fixed shapes")
        return [entry.item() if isinstance(entry, np.generic) else entry for entry in value.flat]

    def refuse(self, why: str) -> NoReturn:
        """The sentence that says why this node cannot be brought in."""
        raise ExportError(f"{self.place}: the node {self.name!r}, a {self.operator}, cannot be brought in: {why}.")


def _python(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
