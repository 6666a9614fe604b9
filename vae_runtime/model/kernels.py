"""Whether a graph gives the same bits however onnxruntime divides its work on the CPU; a session runs it accordingly.

Integer kernels are exact, elementwise ones know no neighbours, and products with weights that are packed beforehand,
and convolutions in blocks of channels, add up each number in one order. Two kinds of kernels do not:

- A convolution that cannot run in blocks of channels becomes a matrix product for each image, whose sums are cut in
  other places when threads share the image.
- A product of two computed matrices takes another kernel for one row than for several.

Measured for onnxruntime 1.15 and 1.31 with `python -m fuzz.equality`; `vae verify` measures it for a model.
"""

from __future__ import annotations

import platform
from typing import NamedTuple

from .wire import Message

# Channels of the input: a multiple of four, or fewer than the smallest block.
_MULTIPLE, _BLOCK = 4, 8
_BLOCKED = ("x86_64", "amd64")  # processors for which all versions have kernels in blocks


class Kernels(NamedTuple):
    """What holds for the numbers of one row. The defaults suit a graph of which nothing is known."""

    any_threads: bool = False  # they are the same bits for any number of threads in one run
    any_batch: bool = True  # they are the same bits for any number of rows in one run, on one thread


def kernels(graph: Message, machine: str = "") -> Kernels:
    """What holds for a GraphProto that the gate let through; machine: as of `platform.machine()`."""
    blocked = (machine or platform.machine()).lower() in _BLOCKED
    weights = {tensor["name"]: tensor.get("dims", []) for tensor in graph.get("initializer", [])}
    makers = {name: node["op_type"] for node in graph["node"] for name in node["output"]}
    back_to_integers = {node["input"][0] for node in graph["node"] if node["op_type"] == "QuantizeLinear"}
    any_threads = any_batch = True
    for node in graph["node"]:
        operator, inputs = node["op_type"], node["input"]
        if operator not in ("Conv", "Gemm", "MatMul"):
            continue
        integers = all(makers.get(name) == "DequantizeLinear" for name in inputs[:2])
        if operator == "Conv":
            integers = integers and node["output"][0] in back_to_integers
            sides = weights.get(inputs[1])
            in_blocks = blocked and sides is not None and (sides[1] % _MULTIPLE == 0 or sides[1] < _BLOCK)
            any_threads = any_threads and (integers or in_blocks)
        elif not integers and inputs[1] not in weights:
            any_threads = False
            # Of a product of matrices for each row, the batch is no side.
            any_batch = any_batch and operator == "MatMul" and inputs[0] in weights
    return Kernels(any_threads, any_batch)
