"""Graphs that would crash, hang, starve or fool an engine, as changes of a sound one; and bytes that are no graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Change = Callable[[onnx.ModelProto], object]


def _array(graph: onnx.ModelProto, name: str, values: object) -> None:
    graph.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))


def _between(operator: str, **attributes: object) -> Change:
    """The first node's input passes through an operator of one input."""

    def change(graph: onnx.ModelProto) -> None:
        node = helper.make_node(operator, [graph.graph.node[0].input[0]], ["between"], **attributes)
        graph.graph.node[0].input[0] = "between"
        graph.graph.node.insert(0, node)

    return change


def _set(operator: str, name: str, value: object) -> Change:
    """Every node of an operator gets this attribute; a graph without one gets such a node."""

    def change(graph: onnx.ModelProto) -> None:
        nodes = [node for node in graph.graph.node if node.op_type == operator]
        if not nodes:
            _between(operator)(graph)
            nodes = [graph.graph.node[0]]
        for node in nodes:
            kept = [attribute for attribute in node.attribute if attribute.name != name]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def _subgraph(operator: str) -> Change:
    body = helper.make_graph([], "body", [], [])

    def change(graph: onnx.ModelProto) -> None:
        name = "body" if operator == "Loop" else "then_branch"
        graph.graph.node.append(helper.make_node(operator, [graph.graph.input[0].name], ["looped"], **{name: body}))

    return change


def _function(graph: onnx.ModelProto) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    graph.functions.append(helper.make_function("", "Twice", ["x"], ["y"], [node], [helper.make_opsetid("", 18)]))


def _external(location: str) -> Change:
    def change(graph: onnx.ModelProto) -> None:
        tensor = graph.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def _initializer(**fields: object) -> Change:
    """The largest tensor with other fields; a callable is applied to the field."""

    def change(graph: onnx.ModelProto) -> None:
        tensor = max(graph.graph.initializer, key=lambda entry: len(entry.raw_data))
        for name, value in fields.items():
            value = value(getattr(tensor, name)) if callable(value) else value
            if isinstance(value, list):
                del getattr(tensor, name)[:]
                getattr(tensor, name).extend(value)
            else:
                setattr(tensor, name, value)

    return change


def _weight(number: float) -> Change:
    def change(raw: bytes) -> bytes:
        return np.float32(number).tobytes() + raw[4:]

    return _initializer(raw_data=change)


def _twice(graph: onnx.ModelProto) -> None:
    graph.graph.initializer.append(graph.graph.initializer[0])


def _cycle(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].input[0] = graph.graph.node[-1].output[0]


def _second_output(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].output.append("more")


def _overrides_a_weight(graph: onnx.ModelProto) -> None:
    tensor = graph.graph.initializer[0]
    graph.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def _square(graph: onnx.ModelProto, side: int) -> str:
    """A square matrix for each latent of a decoder."""
    latents = graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    for name, values in (
        ("widening", np.ones((latents, side), np.float32)),
        ("upright", np.array([-1, side, 1])),
        ("row", np.ones((1, side), np.float32)),
    ):
        _array(graph, name, values)
    graph.graph.node.append(helper.make_node("Gemm", [graph.graph.input[0].name, "widening"], ["wide"]))
    graph.graph.node.append(helper.make_node("Reshape", ["wide", "upright"], ["column"]))
    graph.graph.node.append(helper.make_node("MatMul", ["column", "row"], ["square"]))
    return "square"


def _huge(graph: onnx.ModelProto) -> None:
    """A gigabyte out of two vectors of 64 KB."""
    _square(graph, 2**14)


def _long_chain(graph: onnx.ModelProto) -> None:
    """Fifty products of square matrices of 2^11: 2^33 multiplications each."""
    before = _square(graph, 2**11)
    _array(graph, "matrix", np.ones((2**11, 2**11), np.float32))
    for number in range(50):
        graph.graph.node.append(helper.make_node("MatMul", [before, "matrix"], [f"power_{number}"]))
        before = f"power_{number}"


def _constants(graph: onnx.ModelProto) -> None:
    """What an engine computes while it opens the graph."""
    _array(graph, "column", np.ones((2**13, 1), np.float32))
    _array(graph, "row", np.ones((1, 2**13), np.float32))
    graph.graph.node.append(helper.make_node("Add", ["column", "row"], ["square"]))


def _many_nodes(graph: onnx.ModelProto) -> None:
    for number in range(5000):
        graph.graph.node.append(helper.make_node("Relu", [graph.graph.input[0].name], [f"relu_{number}"]))


def _reshaped(sides: list[int]) -> Change:
    def change(graph: onnx.ModelProto) -> None:
        _array(graph, "sides", np.array(sides, np.int64))
        graph.graph.node.append(helper.make_node("Reshape", [graph.graph.input[0].name, "sides"], ["reshaped"]))

    return change


def _sparse(graph: onnx.ModelProto) -> None:
    values, places = helper.make_tensor("v", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [0])
    graph.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [9]))


CHANGES: dict[str, Change] = {
    "Loop": _subgraph("Loop"),
    "If": _subgraph("If"),
    "Scan": _subgraph("Scan"),
    "a local function": _function,
    "an operator of another domain": _between("Gelu", domain="com.microsoft"),
    "an operator of nobody": _between("Evil", domain="evil.corp"),
    "an operator of several lines": _between("Evil\nvae: all is well\x1b[2J"),
    "an operator with a megabyte of a name": _between("x" * 2**20),
    "stamps with a megabyte": lambda graph: [setattr(entry, "value", "x" * 2**20) for entry in graph.metadata_props],
    "a tensor with a megabyte of a name": lambda graph: setattr(graph.graph.initializer[0], "name", "x\n" * 2**19),
    "another domain imported": lambda graph: graph.opset_import.append(helper.make_opsetid("com.microsoft", 1)),
    "a later opset": lambda graph: setattr(graph.opset_import[0], "version", 99),
    "a later IR": lambda graph: setattr(graph, "ir_version", 99),
    "training information": lambda graph: graph.training_info.add(),
    "RandomNormalLike": _between("RandomNormalLike"),
    "ConstantOfShape": _between("ConstantOfShape"),
    "weights in another file": _external("weights.bin"),
    "weights in a file outside": _external("../../etc/passwd"),
    "weights in memory": _external("*/_ORT_MEM_ADDR_/*"),
    "a sparse weight": _sparse,
    "Conv of no group": _set("Conv", "group", 0),
    "Conv of many groups": _set("Conv", "group", 2**62),
    "Conv of stride 0": _set("Conv", "strides", [0, 0]),
    "Conv of huge strides": _set("Conv", "strides", [2**62, 1]),
    "Conv of dilation 0": _set("Conv", "dilations", [0, 0]),
    "Conv of negative pads": _set("Conv", "pads", [-1, -1, -1, -1]),
    "Conv of huge pads": _set("Conv", "pads", [2**62] * 4),
    "Conv of one pad": _set("Conv", "pads", [1]),
    "Conv of another kernel": _set("Conv", "kernel_shape", [0, 0]),
    "Conv that pads itself": _set("Conv", "auto_pad", "SAME_UPPER"),
    "Conv with a text for a group": _set("Conv", "group", "1"),
    "Conv with an unknown attribute": _set("Conv", "evil", 1),
    "DepthToSpace of block 0": _set("DepthToSpace", "blocksize", 0),
    "DepthToSpace of a huge block": _set("DepthToSpace", "blocksize", 2**62),
    "Gemm of another alpha": _set("Gemm", "alpha", 2.0),
    "Gemm of NaN": _set("Gemm", "beta", float("nan")),
    "a Reshape to nothing": _reshaped([-1, 0]),
    "a Reshape to too much": _reshaped([-1, 2**40]),
    "a Reshape that folds the batch": _reshaped([2, -1]),
    "a Reshape without the batch": _reshaped([784]),
    "a Reshape of two unknowns": _reshaped([-1, -1]),
    "a weight of NaN": _weight(float("nan")),
    "a weight of infinity": _weight(float("inf")),
    "a weight that is too short": _initializer(raw_data=lambda raw: raw[:-1]),
    "a weight that is too long": _initializer(raw_data=lambda raw: raw + b"\0"),
    "a weight of negative size": _initializer(dims=[-1, -784]),
    "a weight of huge size": _initializer(dims=[2**62, 4]),
    "a weight of no size": _initializer(dims=[0], raw_data=b""),
    "a weight of text": _initializer(data_type=TensorProto.STRING),
    "a weight of doubles": _initializer(data_type=TensorProto.DOUBLE),
    "a weight of an unknown type": _initializer(data_type=99),
    "a weight in other fields": lambda graph: graph.graph.initializer.append(helper.make_tensor("x", 1, [1], [1.0])),
    "a weight twice": _twice,
    "a cycle": _cycle,
    "an output twice": lambda graph: graph.graph.node.append(graph.graph.node[-1]),
    "a node of two outputs": _second_output,
    "a weight that callers may replace": _overrides_a_weight,
    "an input that is not there": lambda graph: graph.graph.node[0].input.__setitem__(0, "nowhere"),
    "no nodes": lambda graph: graph.graph.node.__delitem__(slice(None)),
    "too many nodes": _many_nodes,
    "a huge tensor": _huge,
    "too much work": _long_chain,
    "work on constants": _constants,
    "no graph": lambda graph: graph.ClearField("graph"),
    "metadata twice": lambda graph: graph.metadata_props.append(graph.metadata_props[0]),
}


def broken_bytes(content: bytes) -> dict[str, bytes]:
    """Bytes that a lenient reader takes, or that are something else."""
    return {
        "nothing": b"",
        "a web page": b"<!DOCTYPE html><html>not found</html>",
        "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "a PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "onnxruntime's own format": b"\x20\0\0\0ORTM" + bytes(100),
        "half of it": content[: len(content) // 2],
        "all but a byte": content[:-1],
        "a byte more": content + b"\0",
        "itself twice": content + content,  # protobuf merges the two
        "an unknown field": content + b"\xa2\x06\x03abc",
        "an unknown field of a megabyte": content + b"\xa2\x06\x80\x80\x40" + bytes(2**20),
        "a repeated number": content + b"\x08\x08",
        "a wrong wire type": content + b"\x0d\x08\x00\x00\x00",
        "a number too long": b"\x08\x88\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00" + content[2:],
        "a number longer than it need be": b"\x08\x88\x00" + content[2:],
        "a length past the end": content + b"\x3a\xff\xff\xff\x7f",
        "a group": content + b"\x0b\x0c",
        "text that is not UTF-8": content + b"\x12\x02\xff\xfe",
        "megabytes of nothing": bytes(2**21),
    }
