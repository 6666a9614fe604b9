"""Whether a graph gives the same bits however onnxruntime divides its work on the CPU; a session runs it accordingly.

Integer kernels are exact, most elementwise ones know no neighbours, and products with weights that are packed
beforehand, and convolutions in blocks of channels, add up each number in one order. Four kinds of kernels do not:

- A convolution that cannot run in blocks of channels becomes a matrix product for each image, whose sums are cut in
  other places when threads share the image.
- A product of a row and a matrix that is computed from weights takes another kernel for one row than for several.
- Sums and means over sides that are not the last take another kernel for one image than for several.
- Elu, Log and Softplus compute the last few numbers of a thread's share otherwise than the others.

Measured for onnxruntime 1.31, and the first two for 1.15, with `python -m fuzz.engines.equality` (networks) and
`fuzz.engines.kernel_bits` (operators); `vae verify` measures it for a model.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from .sides import Shape, batch_axis
from .wire import Message

# Channels of the input: a multiple of four, or fewer than the smallest block.
_MULTIPLE, _BLOCK = 4, 8
_BLOCKS_ON = ("x86_64", "amd64")  # processors for which all versions have kernels in blocks


class Kernels(NamedTuple):
    """What holds for the numbers of one row. The defaults suit a graph of which nothing is known."""

    any_threads: bool = False  # they are the same bits for any number of threads in one run
    any_batch: bool = True  # they are the same bits for any number of rows in one run, on one thread


UNKNOWN = Kernels()
_NO_SHAPES: Mapping[str, Shape] = {}
_BY_PLACE = ("Elu", "Log", "Softplus")  # a number's place in a thread's share decides which code computes it


def kernels(graph: Message, machine: str = "", shapes: Mapping[str, Shape] = _NO_SHAPES) -> Kernels:
    """What holds for a GraphProto that the gate let through.

    machine: as of `platform.machine()`. shapes: of the tensors, by name; of those that are not there, the worst holds.
    """
    products = _Products(graph, shapes)
    blocks = (machine or platform.machine()).lower() in _BLOCKS_ON
    rules: dict[str, Callable[[Message], Kernels]] = {
        "Conv": lambda node: products.convolution(node, blocks=blocks),
        "ConvTranspose": lambda _: Kernels(blocks, True),
        **dict.fromkeys(("Gemm", "MatMul"), products.matrices),
        **dict.fromkeys(("ReduceMean", "ReduceSum"), products.sums),
        **dict.fromkeys(_BY_PLACE, lambda _: Kernels(False, False)),
    }
    kernels = [rules[node["op_type"]](node) for node in graph.get("node", []) if node["op_type"] in rules]
    return Kernels(all(one.any_threads for one in kernels), all(one.any_batch for one in kernels))


class _Products:
    """Which kernel takes a product: of integers, of packed weights, or another."""

    def __init__(self, graph: Message, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._weights: dict[str, Message] = {tensor["name"]: tensor for tensor in graph.get("initializer", [])}
        nodes = graph.get("node", [])
        self._makers = {name: node["op_type"] for node in nodes for name in node["output"]}
        self._users: dict[str, list[Message]] = {}
        for node in nodes:
            for name in node["input"]:
                self._users.setdefault(name, []).append(node)

    def convolution(self, node: Message, *, blocks: bool) -> Kernels:
        if self._of_integers(node) and self._becomes_integers(node["output"][0]):
            return Kernels(True, True)
        weights = self._weights.get(node["input"][1])
        if weights is None or not blocks:
            return Kernels(False, True)
        channels = weights["dims"][1]
        if channels > 1 and any(entry["name"] == "group" and entry["i"] > 1 for entry in node.get("attribute", [])):
            return Kernels(False, True)
        return Kernels(channels % _MULTIPLE == 0 or channels < _BLOCK, True)

    def matrices(self, node: Message) -> Kernels:
        left, right, *_ = node["input"]
        if right in self._weights:
            return Kernels(True, True)
        if batch_axis(self._shapes.get(right, ())) is not None:  # matrices of its own for each row, as in attention
            return Kernels(True, True)
        if node["op_type"] == "Gemm" and self._of_integers(node) and self._stays_sums(node["output"][0]):
            return Kernels(True, True)
        return Kernels(False, node["op_type"] == "MatMul" and left in self._weights)  # one product for each row

    def sums(self, node: Message) -> Kernels:
        """Of a sum or mean, over the last sides or others."""
        x, axes = node["input"]
        rank = len(self._shapes.get(x, ()))
        if not rank:
            return Kernels(False, False)
        listed = sorted(int(axis) % rank for axis in np.frombuffer(self._weights[axes]["raw_data"], "<i8"))
        last = listed == list(range(rank - len(listed), rank))
        return Kernels(last, last)

    def _of_integers(self, node: Message) -> bool:
        return all(self._makers.get(name) == "DequantizeLinear" for name in node["input"][:2])

    def _becomes_integers(self, name: str) -> bool:
        """Whether all uses are in integers again, at once or after a Relu that their range takes the place of."""
        users = self._users.get(name, [])
        return bool(users) and all(
            user["op_type"] == "QuantizeLinear"
            or (
                user["op_type"] == "Relu" and all(map(self._begins_at_zero, self._users.get(user["output"][0], [None])))
            )
            for user in users
        )

    def _begins_at_zero(self, user: Message | None) -> bool:
        if user is None or user["op_type"] != "QuantizeLinear":
            return False
        return len(user["input"]) == 3 and not any(self._weights[user["input"][2]]["raw_data"])

    def _stays_sums(self, name: str) -> bool:
        """Whether an integer Gemm may give its float32 sums: nothing follows that is made part of a float32 one."""
        users = self._users.get(name, [])
        return all(user["op_type"] in ("Clip", "Reshape") for user in users) or self._becomes_integers(name)
