"""What the guided fuzzer begins from: small graphs that have every operator of the format, and archives of arrays."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from . import wider


def graphs() -> dict[str, bytes]:
    """Sound graphs that have every operator between them; and one with work that an engine does while it opens it."""
    folded = graph()
    sides = {"column": (2048, 1), "row": (1, 2048)}
    folded.graph.initializer.extend(
        numpy_helper.from_array(np.full(shape, 0.1, np.float32), name) for name, shape in sides.items()
    )
    names = ["wide", *(f"wide_{number}" for number in range(100))]
    folded.graph.node.append(helper.make_node("Add", ["column", "row"], ["wide"]))
    folded.graph.node.extend(helper.make_node("Tanh", [one], [next]) for one, next in itertools.pairwise(names))
    others = {name: make().SerializeToString() for name, make in wider.GRAPHS.items()}
    return {"networks": graph().SerializeToString(), "constants": folded.SerializeToString(), **others}


def archives() -> dict[str, bytes]:
    """Golden vectors, sound and not, and latents in each form."""
    one, packed, whole = io.BytesIO(), io.BytesIO(), Path("artifacts/mnist-2d/golden.npz").read_bytes()
    np.save(one, np.zeros((2, 2), np.float32))
    np.savez_compressed(packed, z=np.zeros((2, 2), np.float32))
    arrays = dict(np.load(io.BytesIO(whole)))
    small = {name: array[:1] if array.ndim else array for name, array in arrays.items()}
    archives = {"one": one.getvalue(), "packed": packed.getvalue()}
    for name, form in (
        ("small", small),
        ("of no image", {name: array[:0] for name, array in arrays.items() if array.ndim}),
    ):
        buffer = io.BytesIO()
        np.savez(buffer, **{**small, **form})
        archives[name] = buffer.getvalue()
    return archives


def graph() -> ModelProto:
    """What this project's own networks are made of; ends as of `wider`."""
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
    return wider.model(nodes, weights)
