"""A small graph with every operator of the format, to begin from."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from vae_runtime.model.gate import IR_VERSION, OPSET

INPUTS = {"images": ("batch", 1, 4, 4)}
OUTPUTS = {"out": ("batch", 4)}


def graph() -> ModelProto:
    """images [batch, 1, 4, 4] -> out [batch, 4]."""
    random = np.random.default_rng(0)
    weights: dict[str, object] = {
        "kernel": random.normal(size=(4, 1, 3, 3)).astype(np.float32),
        "starts": np.array([0, 0]),
        "ends": np.array([6, 6]),
        "axes": np.array([2, 3]),
        "steps": np.array([1, 1]),
        "flat": np.array([-1, 36]),
        "square": random.normal(size=(6, 6)).astype(np.float32),
        "matrix": random.normal(size=(4, 36)).astype(np.float32),
        "bias": np.zeros(4, np.float32),
        "low": np.float32(-3),
        "high": np.float32(3),
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
    }
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        helper.make_node("DepthToSpace", ["a"], ["b"], blocksize=2, mode="CRD"),
        helper.make_node("Slice", ["b", "starts", "ends", "axes", "steps"], ["c"]),
        helper.make_node("MatMul", ["square", "c"], ["d"]),
        helper.make_node("Reshape", ["d", "flat"], ["e"]),
        helper.make_node("Gemm", ["e", "matrix", "bias"], ["f"], transB=1, alpha=1.0, beta=1.0, transA=0),
        helper.make_node("Clip", ["f", "low", "high"], ["g"]),
        helper.make_node("QuantizeLinear", ["g", "scale", "zero"], ["h"]),
        helper.make_node("DequantizeLinear", ["h", "scale", "zero"], ["i"]),
        helper.make_node("Tanh", ["i"], ["j"]),
        helper.make_node("Exp", ["j"], ["k"]),
        helper.make_node("Sqrt", ["k"], ["l"]),
        helper.make_node("Div", ["j", "l"], ["m"]),
        helper.make_node("Neg", ["m"], ["n"]),
        helper.make_node("Sub", ["n", "bias"], ["o"]),
        helper.make_node("Mul", ["o", "k"], ["p"]),
        helper.make_node("Sigmoid", ["p"], ["q"]),
        helper.make_node("Relu", ["q"], ["r"]),
        helper.make_node("Add", ["r", "bias"], ["out"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (*INPUTS.items(), *OUTPUTS.items())
    ]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    return helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
