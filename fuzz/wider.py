"""Small sound graphs of what models from elsewhere use, images [batch, 1, 4, 4] -> out [batch, 4], by kind.

Where `seeds.graph` has what this project's own networks are made of, these have the other operators of the format.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from vae_runtime.model.gate import IR_VERSION, OPSET
from vae_runtime.model.sides import BATCH, Batch, Shape

INPUTS: dict[str, Shape] = {"images": (BATCH, 1, 4, 4)}
OUTPUTS: dict[str, Shape] = {"out": (BATCH, 4)}
Weights = dict[str, object]


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """A node; names are divided by spaces, and `-` is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), **attributes)


def model(nodes: list[NodeProto], weights: Weights) -> ModelProto:
    """A graph of these ends."""
    ends = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [str(side) if isinstance(side, Batch) else side for side in shape]
        )
        for name, shape in (*INPUTS.items(), *OUTPUTS.items())
    ]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    return helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])


def _random(*sides: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(sum(sides)).normal(size=sides).astype(np.float32)


def images() -> ModelProto:
    """What works on images: larger, smaller, normalised, in groups."""
    weights: Weights = {
        "up": _random(1, 4, 3, 3),
        "four": np.arange(1, 5, dtype=np.float32),
        "slopes": _random(4, 1, 1),
        "grouped": _random(4, 2, 3, 3),
        "twice": np.array([1, 1, 2, 2], np.float32),
        "size": np.array([5, 7]),
        "pads": np.array([0, 0, 1, 2, 0, 0, 3, 0]),
        "border": np.array([1, 1, 1, 1]),
        "sides": np.array([2, 3]),
        "half": np.float32(0.5),
    }
    nodes = [
        node("ConvTranspose", "images up", "a", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
        node("LeakyRelu", "a", "b", alpha=0.2),
        node("InstanceNormalization", "b four four", "c", epsilon=1e-5),
        node("PRelu", "c slopes", "d"),
        node("Conv", "d grouped four", "e", group=2, dilations=[2, 2], pads=[2, 2, 2, 2], kernel_shape=[3, 3]),
        node("MaxPool", "e", "f", kernel_shape=[2, 2], strides=[2, 2]),
        node("AveragePool", "f", "g", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        node("Resize", "g - twice", "h", mode="nearest", coordinate_transformation_mode="asymmetric"),
        node("Pad", "h pads", "i", mode="reflect"),
        node("Resize", "i - - size", "j", mode="linear", axes=[2, 3]),
        node("Pad", "j border half sides", "k", mode="constant"),
        node("GlobalAveragePool", "k", "l"),
        node("Flatten", "l", "out", axis=1),
    ]
    return model(nodes, weights)


def attention() -> ModelProto:
    """Attention as torch writes it: the batch second, and merged with the heads."""
    weights: Weights = {
        "tokens": np.array([-1, 4, 4]),
        "ones": np.ones(4, np.float32),
        "zeros": np.zeros(4, np.float32),
        "in": _random(4, 12),
        "heads": np.array([4, -1, 2]),
        "flat": np.array([-1, 4]),
        "square": _random(4, 4),
        "back": np.array([4, -1, 4]),
        "parts": np.array([1, 3]),
        "one": np.array([1]),
        "last": np.array([2]),
        "first": np.array(0),
    }
    nodes = [
        node("Reshape", "images tokens", "a"),
        node("LayerNormalization", "a ones zeros", "b", axis=-1, epsilon=1e-5),
        node("Transpose", "b", "c", perm=[1, 0, 2]),
        node("MatMul", "c in", "d"),
        node("Split", "d", "q k v", axis=-1, num_outputs=3),
        *(node("Reshape", f"{name} heads", f"{name}h") for name in "qkv"),
        node("Transpose", "qh", "qt", perm=[1, 0, 2]),
        node("Transpose", "kh", "kt", perm=[1, 2, 0]),
        node("Transpose", "vh", "vt", perm=[1, 0, 2]),
        node("MatMul", "qt kt", "e"),
        node("Softmax", "e", "f", axis=-1),
        node("MatMul", "f vt", "g"),
        node("Transpose", "g", "h", perm=[1, 0, 2]),
        node("Reshape", "h flat", "i"),
        node("Gemm", "i square zeros", "j", transB=1),
        node("Reshape", "j back", "l"),
        node("Unsqueeze", "l one", "m"),
        node("Squeeze", "m one", "n"),
        node("Split", "n parts", "o p", axis=0),
        node("Concat", "p o", "r", axis=0),
        node("Transpose", "r", "s", perm=[1, 0, 2]),
        node("Gather", "s first", "t", axis=1),
        node("ReduceMean", "s last", "u", keepdims=0),
        node("Add", "t u", "out"),
    ]
    return model(nodes, weights)


def elementwise() -> ModelProto:
    """Functions of each number, and sums of rows."""
    chain = ["Abs", "Softplus", "Log", "Elu", "Erf", "HardSigmoid", "HardSwish", "Exp", "Sqrt", "Reciprocal"]
    names = [f"x{number}" for number in range(len(chain) + 1)]
    weights: Weights = {
        "flat": np.array([-1, 4, 4]),
        "half": np.float32(0.5),
        "last": np.array([-1]),
        "second": np.array([1]),
        "high": np.float32(3),
    }
    nodes = [
        node("Reshape", "images flat", "x0"),
        *(node(operator, names[at], names[at + 1]) for at, operator in enumerate(chain)),
        node("Pow", f"{names[-1]} half", "a"),
        node("Clip", "a - high", "b"),
        node("Max", "b half", "c"),
        node("Min", "c b", "d"),
        node("ReduceMax", "d last", "e"),
        node("Sub", "d e", "f"),
        node("ReduceSum", "f second", "out", keepdims=0),
    ]
    return model(nodes, weights)


GRAPHS = {"images": images, "attention": attention, "elementwise": elementwise}
