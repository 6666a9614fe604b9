"""What is known of a graph's tensors and nodes before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .sides import Shape, batch_axis, numbers

FLOAT32, UINT8, INT8, INT32, INT64 = 1, 2, 3, 6, 7  # TensorProto.DataType
TYPES: dict[int, np.dtype[Any]] = {
    FLOAT32: np.dtype("<f4"),
    UINT8: np.dtype("u1"),
    INT8: np.dtype("i1"),
    INT32: np.dtype("<i4"),
    INT64: np.dtype("<i8"),
}
_BLOCK = 16  # numbers that engines compute side by side; onnxruntime rounds channels up to it, and rows of weights


class GraphError(ValueError):
    """A graph that is none of this format."""


class TooMuchError(GraphError):
    """A graph of this format that needs more than a model may; large_enough: not more than a large one may."""

    def __init__(self, what: str, *, large_enough: bool = False) -> None:
        super().__init__(what)
        self.large_enough = large_enough


class Value(NamedTuple):
    """What is known of a tensor before anything runs; `constant` of those that come with the graph."""

    type: int
    shape: Shape
    constant: npt.NDArray[Any] | None = None

    @property
    def batched(self) -> bool:
        """Whether it follows from the input, and has a row for each of the batch."""
        return batch_axis(self.shape) is not None

    @property
    def size(self) -> int:
        """How many numbers it has, for each row of the batch."""
        return numbers(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes an engine holds of it, for each row of the batch: images have their channels rounded up."""
        size = self.size
        if len(self.shape) == 4 and isinstance(self.shape[1], int):
            size = size // self.shape[1] * in_blocks(self.shape[1])
        return size * TYPES[self.type].itemsize


ABSENT = Value(0, ())  # an input that a node leaves out


class Result(NamedTuple):
    """What a node gives and what it costs: the last three are bounds, for each row of the batch but for `packed`."""

    outputs: tuple[Value, ...]
    multiplications: int = 0
    packed: int = 0  # bytes of the copy of its weights that an engine makes for itself
    workspace: int = 0  # bytes beside its inputs and its outputs


class Node(NamedTuple):
    """One node: attributes by name, inputs by place, and how many outputs it has."""

    operator: str
    inputs: list[Value]
    attributes: dict[str, Any]
    outputs: int = 1

    def need(self, holds: bool, what: str) -> None:
        """Refuse a node for which this does not hold."""
        if not holds:
            raise GraphError(f"{self.operator}: {what}")

    def attribute(self, name: str, default: Any, allowed: Callable[[Any], bool]) -> Any:
        """Take an attribute out; what is left in the end is unknown."""
        value = self.attributes.pop(name, default)
        self.need(type(value) is type(default) and allowed(value), f"{name} is {value!r}, which is outside its range")
        return value

    def number(self, name: str, default: float, lowest: float = -1e6, highest: float = 1e6) -> None:
        """Take out an attribute that no shape depends on: a finite number."""
        self.attribute(name, default, lambda value: lowest <= value <= highest)

    def axis(self, name: str, default: int, rank: int) -> int:
        """Take out an axis of a tensor of `rank` sides, from 0."""
        return int(self.attribute(name, default, lambda value: -rank <= value < rank)) % rank

    def has(self, place: int) -> bool:
        """Whether an input that may be left out is there."""
        return len(self.inputs) > place and self.inputs[place] is not ABSENT

    def constant(self, place: int) -> npt.NDArray[Any]:
        """The number or numbers of an input that comes with the graph."""
        constant = self.inputs[place].constant
        if constant is None:
            raise GraphError(f"{self.operator}: input {place} is computed; expected a constant")
        return constant

    def integers(self, place: int) -> list[int]:
        """The int64 numbers of an input that is a constant list."""
        numbers = self.constant(place)
        self.need(numbers.ndim == 1 and numbers.dtype == np.int64, f"input {place} is no list of int64")
        return [int(number) for number in numbers]

    def axes(self, place: int, rank: int) -> list[int]:
        """The axes of a tensor of `rank` sides, from 0, that an input lists: one at least, none twice."""
        listed = self.integers(place)
        self.need(all(-rank <= axis < rank for axis in listed), f"its axes are {listed}")
        axes = [axis % rank for axis in listed]
        self.need(0 < len(axes) == len(set(axes)), f"its axes are {listed}")
        return axes

    def floats(self, *places: int) -> None:
        """Refuse inputs of another type than float32."""
        for place in places or range(len(self.inputs)):
            self.need(self.inputs[place].type == FLOAT32, f"input {place} is of type {self.inputs[place].type}")


def one(shape: Shape, *, multiplications: int = 0, packed: int = 0, workspace: int = 0) -> Result:
    """What a node with one output gives, of float32."""
    return Result((Value(FLOAT32, shape),), multiplications, packed, workspace)


def in_blocks(count: int) -> int:
    """Rounded up to the blocks that engines compute in."""
    return -(-count // _BLOCK) * _BLOCK
