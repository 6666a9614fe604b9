"""Graphs that cost far more to open or check than their size tells; each the decoder of a sound model.

Some are refused, others are just within the limits; all must be cheap (`python -m fuzz.machine.costs`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.support import linear_gaussian as sound
from vae_runtime.model.folder import stamps

Weights = dict[str, np.ndarray]
ONES = np.ones(1, np.float32)
PICK: Weights = {"st": np.array([0]), "en": np.array([6]), "ax": np.array([1]), "sp": np.array([1])}


def N(operator: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """A node of inputs in one text."""
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def decoder(nodes: list[NodeProto], weights: Weights) -> bytes:
    """A decoder of the sound model to whose pixels `more`, of [batch, 6 or more], is added."""
    model = sound.LinearGaussian.make()
    own = {"w": model.weights.T.astype("f4"), "b": model.offset.astype("f4"), "shape": np.array([-1, *sound.SHAPE])}
    ends = [N("Slice", "more st en ax sp", "k"), N("Gemm", "z w b", "x0"), N("Add", "x0 k", "x1")]
    ends.append(N("Reshape", "x1 shape", "images"))
    content: bytes = graph([*nodes, *ends], {**own, **PICK, **weights}).SerializeToString()
    return content


def graph(nodes: list[NodeProto], weights: Weights) -> ModelProto:
    """z [batch, 2] -> images, as the stamps of the sound model's decoder say."""
    sides = {"z": (sound.LATENTS,), "images": sound.SHAPE}
    z, images = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *s]) for n, s in sides.items())
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "graph", [z], [images], tensors)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, stamps("decoder", sound.PAIR_ID))
    return model


def chain(operator: str, first: str, last: str, count: int, more: str = "", **attributes: object) -> list[NodeProto]:
    """The same node many times in a row."""
    names = [first, *(f"{last}_{index}" for index in range(count - 1)), last]
    return [N(operator, f"{names[i]} {more}", names[i + 1], **attributes) for i in range(count)]


def constants(operator: str, count: int, side: int = 8192) -> bytes:
    """A chain of wide constants: an engine computes them all when it opens the graph."""
    weights = {"a": np.full((side, 1), 0.1, "f4"), "c": np.full((1, side), 0.1, "f4"), "one": np.ones((1, side), "f4")}
    nodes = [N("Add", "a c", "t"), *chain(operator, "t", "u", count), N("MatMul", "one u", "r")]
    return decoder([*nodes, N("Gemm", "z g", "h"), N("Add", "h r", "more")], weights | {"g": np.ones((2, side), "f4")})


def wide(nodes: list[NodeProto], sides: tuple[int, ...], weights: Weights | None = None) -> bytes:
    """Nodes between `x`, made of z with these sides, and `y`, of as many numbers but for its last side."""
    count = int(np.prod(sides[:-1]))
    start = {"g": np.ones((2, count), "f4"), "s": np.array([-1, *sides[:-1], 1]), "c": np.ones(sides[-1:], "f4")}
    rank = len(sides)
    cut = {"z0": np.array([0]), "one": np.array([1]), "last": np.array([rank]), "f": np.array([-1, count])}
    begin = [N("Gemm", "z g", "h"), N("Reshape", "h s", "h3"), N("Mul", "h3 c", "x")]
    end = [N("Slice", "y z0 one last sp", "p"), N("Reshape", "p f", "more")]
    return decoder([*begin, *nodes, *end], {**start, **cut, **(weights or {})})


def alive(count: int, sides: tuple[int, ...]) -> bytes:
    """So many wide tensors that are all needed in the end."""
    nodes = [N("Tanh", "x" if not i else f"t{i - 1}", f"t{i}") for i in range(count)]
    sums = [N("Add", f"{f'u{i - 1}' if i else 'x'} t{count - 1 - i}", f"u{i}") for i in range(count - 1)]
    return wide([*nodes, *sums, N("Relu", f"u{count - 2}", "y")], sides)


def convolved(channels: int, kernel: int, side: int, count: int, *, bits: int = 32) -> bytes:
    """Convolutions of images, in 8 bits on request."""
    weights: Weights = {"kernel": np.full((channels, channels, kernel, kernel), 0.01, "f4")}
    name, nodes = "x", []
    conv = {"kernel_shape": [kernel] * 2, "pads": [(kernel - 1) // 2] * 2 + [kernel // 2] * 2}
    if bits == 8:
        weights = {"k8": np.ones((channels, channels, kernel, kernel), "i1"), "s1": np.array(0.01, "f4")}
        weights |= {"i8": np.array(0, "i1"), "u8": np.array(0, "u1")}
        nodes.append(N("DequantizeLinear", "k8 s1 i8", "kernel", axis=0))
    for index in range(count):
        if bits == 8:
            nodes += rounded(name, f"d{index}")
            name = f"d{index}"
        nodes.append(N("Conv", f"{name} kernel", f"v{index}", **conv))
        name = f"v{index}"
    end = rounded(name, "y") if bits == 8 else [N("Relu", name, "y")]
    return wide([*nodes, *end], (channels, side, side), weights)


def rounded(name: str, output: str) -> list[NodeProto]:
    """To 8 bits and back."""
    return [N("QuantizeLinear", f"{name} s1 u8", f"{output}_8"), N("DequantizeLinear", f"{output}_8 s1 u8", output)]


def shared(count: int, side: int) -> bytes:
    """One matrix that many nodes multiply by, each with a copy of its own."""
    weights = {"m": np.full((side, side), 0.001, "f4"), "g": np.ones((2, side), "f4")}
    return decoder([N("Gemm", "z g", "h"), *chain("Gemm", "h", "more", count, "m")], weights)


def unpacked(count: int, side: int) -> bytes:
    """One matrix of 8 bits that is made float32 many times."""
    weights: Weights = {"m": np.ones((side, side), "i1"), "s1": np.array(0.01, "f4"), "i8": np.array(0, "i1")}
    nodes = [N("Gemm", "z g", "h_0")]
    for index in range(count):
        nodes.append(N("DequantizeLinear", "m s1 i8", f"m{index}", axis=0))
        nodes.append(N("Gemm", f"h_{index} m{index}", f"h_{index + 1}"))
    return decoder([*nodes, N("Relu", f"h_{count}", "more")], weights | {"g": np.ones((2, side), "f4")})


def narrow(rows: int) -> bytes:
    """A matrix of one column, which engines widen to sixteen."""
    weights = {"g": np.ones((2, rows), "f4"), "n": np.ones((rows, 1), "f4"), "six": np.ones((1, 6), "f4")}
    return decoder([N("Gemm", "z g", "h"), N("Gemm", "h n", "o"), N("Gemm", "o six", "more")], weights)


def small_matrices(count: int) -> bytes:
    """Products of one number and one number."""
    weights = {"m": np.ones((1, count, 1, 1), "f4")}
    return wide([*chain("MatMul", "x", "y", 8, "m")], (count, 1, 1), weights)


def heavy(kernel: int) -> bytes:
    """As many bytes of weights as a file may have."""
    return convolved(int(((2**27 - 2**20) / 4 / kernel**2) ** 0.5), kernel, 2, 1)


def padded(field: int, count: int) -> bytes:
    """Empty fields behind a sound graph: two bytes each to write, and more to read."""
    return sound_decoder() + bytes([field << 3 | 2, 0]) * count


def inside(number: int, field: int, count: int) -> bytes:
    """Empty fields in one message of the graph: nodes (1), initialisers (5)."""
    message = bytes([field << 3 | 2, 0]) * count
    body = _prefixed(number, message)
    return sound_decoder() + _prefixed(7, body)


def _prefixed(number: int, content: bytes) -> bytes:
    size, digits = len(content), bytearray()
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def many_weights(count: int) -> bytes:
    """Numbers that nobody uses, each a tensor of its own."""
    return decoder([N("Gemm", "z g", "more")], {"g": np.ones((2, 6), "f4"), **{f"{i}": ONES for i in range(count)}})


def many_nodes(count: int, operator: str) -> bytes:
    """A long row of nodes."""
    return decoder([N("Gemm", "z g", "h"), *chain(operator, "h", "more", count)], {"g": np.ones((2, 6), "f4")})


def sound_decoder() -> bytes:
    """One that does nothing more."""
    return decoder([N("Gemm", "z g", "more")], {"g": np.zeros((2, 6), "f4")})


def text(count: int) -> bytes:
    """So many letters of which one takes four bytes, and so all do."""
    model = graph([], {})
    model.doc_string = "\U0001f600" + "x" * count
    content: bytes = model.SerializeToString()
    return content


GRAPHS: dict[str, Callable[[], bytes]] = {
    "forty wide constants": lambda: constants("Tanh", 40),
    "two thousand constants": lambda: constants("Exp", 2000, 2048),
    "a wide row": lambda: wide(chain("Tanh", "x", "y", 40), (8192, 8192)),
    "a row just narrow enough": lambda: wide(chain("Sigmoid", "x", "y", 40), (4096, 4096)),
    "eight wide tensors alive": lambda: alive(8, (4096, 4096)),
    "eight tensors alive just narrow enough": lambda: alive(8, (4096, 2048)),
    "pairs of numbers": lambda: wide(chain("Add", "x", "y", 20, "pair"), (2**23, 2), {"pair": np.ones(2, "f4")}),
    "images of one channel": lambda: convolved(1, 3, 4096, 2),
    "images of one channel, smaller": lambda: convolved(1, 3, 1024, 8),
    "wide kernels": lambda: convolved(1, 64, 512, 1),
    "wide kernels in 8 bits": lambda: convolved(1, 64, 512, 1, bits=8),
    "wide kernels in 8 bits, smaller": lambda: convolved(1, 64, 100, 1, bits=8),
    "two thousand kernels of one channel": lambda: convolved(1, 64, 64, 2000),
    "as much work as may be": lambda: convolved(64, 5, 256, 4),
    "one matrix two thousand times": lambda: shared(2000, 1024),
    "one matrix fifty times": lambda: shared(50, 1024),
    "8 bits made float32 two hundred times": lambda: unpacked(200, 1024),
    "8 bits made float32 thirty times": lambda: unpacked(30, 1024),
    "a matrix of one column": lambda: narrow(2**22),
    "many small matrices": lambda: small_matrices(2**20),
    "weights of the largest file, 3x3": lambda: heavy(3),
    "weights of the largest file, 1x1": lambda: heavy(1),
    "empty metadata, 10 MB": lambda: padded(14, 5 * 10**6),
    "empty imports, 10 MB": lambda: padded(8, 5 * 10**6),
    "empty nodes, 10 MB": lambda: inside(1, 1, 5 * 10**6),
    "empty weights, 100 MB": lambda: inside(5, 5, 5 * 10**7),
    "a text of 100 MB": lambda: text(10**8),
    "eighteen thousand weights": lambda: many_weights(18_000),
    "two thousand nodes": lambda: many_nodes(2000, "Tanh"),
    "two thousand nodes that are made one": lambda: many_nodes(2000, "Relu"),
}
