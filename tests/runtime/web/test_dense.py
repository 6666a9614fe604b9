"""The small engine of a page of one file computes what onnxruntime does, operator by operator."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from vae_runtime.model.sessions import import_onnxruntime
from vae_runtime.web import single

ROOT = Path(__file__).resolve().parents[3]
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")

DENSE = """
import { readFile } from "node:fs/promises";
import { InferenceSession, OPERATORS, Tensor } from "SOURCE";
const [folder, feeds] = process.argv.slice(1);
const answers = [];
for (const [name, numbers, dims] of JSON.parse(feeds)) {
    const session = await InferenceSession.create(new Uint8Array(await readFile(`${folder}/${name}.onnx`)));
    const given = await session.run({ x: new Tensor("float32", Float32Array.from(numbers), dims) });
    answers.push(Object.values(given).map(({ data, dims }) => [Array.from(data, Number), dims]));
}
console.log(JSON.stringify([Object.keys(OPERATORS), answers]));
"""
ROW = (3, 4)  # sides of x after the batch


class Case(NamedTuple):
    """One operator on x, after `given` beside it, with attributes, and how many outputs it has."""

    operator: str
    given: tuple[Any, ...] = ()  # None: an input that is left out
    attributes: Mapping[str, Any] = MappingProxyType({})
    outputs: int = 1
    positive: bool = False  # whether x is


def constants(*shapes):
    random = np.random.default_rng(1)
    return tuple(np.float32(random.uniform(0.3, 2, shape)) for shape in shapes)


def whole(*numbers):
    return np.array(numbers, np.int64)


CASES = [
    *(Case(name) for name in ("Abs", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Neg", "Relu")),
    *(Case(name) for name in ("Sigmoid", "Softplus", "Tanh")),
    *(Case(name, positive=True) for name in ("Log", "Sqrt", "Reciprocal")),
    *(
        Case(name, constants(shape))
        for name in ("Add", "Div", "Mul", "Sub", "Max", "Min")
        for shape in ((), (4,), (3, 1))
    ),
    Case("Add", constants((1, 3, 4))),
    Case("Pow", constants((4,)), positive=True),
    Case("Pow", (np.float32(3),)),
    Case("PRelu", constants((3, 1))),
    Case("Elu", attributes={"alpha": 0.5}),
    Case("LeakyRelu", attributes={"alpha": 0.3}),
    Case("HardSigmoid", attributes={"alpha": 0.3, "beta": 0.4}),
    Case("Clip", (np.float32(-0.5), np.float32(0.75))),
    Case("Clip", (None, np.float32(0.75))),
    Case("Clip", (np.float32(-0.5),)),
    Case("Flatten"),
    Case("Flatten", attributes={"axis": -1}),
    Case("Reshape", (whole(-1, 2, 6),)),
    Case("Reshape", (whole(4, -1, 3),)),
    Case("Transpose", attributes={"perm": [0, 2, 1]}),
    Case("Transpose", attributes={"perm": [2, 0, 1]}),
    Case("Unsqueeze", (whole(1, -1),)),
    Case("Concat", constants((5, 3, 2)), {"axis": -1}),
    Case("Concat", constants((5, 1, 4), (5, 2, 4)), {"axis": 1}),
    Case("Split", (whole(1, 3),), {"axis": 2}, outputs=2),
    Case("Split", (), {"axis": -2, "num_outputs": 2}, outputs=2),
    Case("Slice", (whole(1), whole(2**63 - 1), whole(2), whole(1))),
    Case("Slice", (whole(0, 1), whole(2, 3), whole(1, 2), whole(1, 1))),
    Case("MatMul", constants((4, 5))),
    Case("MatMul", constants((5, 4, 2))),
    Case("LayerNormalization", constants((4,), (4,)), {"epsilon": 1e-3}),
    Case("LayerNormalization", constants((3, 4)), {"axis": 1}),
    *(Case(name, (whole(-1),)) for name in ("ReduceMax", "ReduceMean", "ReduceSum")),
    Case("ReduceMean", (whole(1, 2),), {"keepdims": 0}),
    Case("Softmax"),
    Case("Softmax", attributes={"axis": 1}),
]


def test_each_operator_gives_what_onnxruntime_gives(tmp_path):
    random = np.random.default_rng(0)
    x = np.float32(random.normal(size=(5, *ROW)) * 2)
    x.reshape(-1)[:6] = 0, -0.5, 3.5, -7, 20, -20
    fed = [np.abs(x) + np.float32(0.01) if case.positive else x for case in CASES]
    for number, case in enumerate(CASES):
        _write(tmp_path / f"{number}.onnx", *_graph_of(case))
    _, answers = ran(tmp_path, fed)
    for number, (case, x, answer) in enumerate(zip(CASES, fed, answers, strict=True)):
        expected = _onnxruntime(tmp_path / f"{number}.onnx", x)
        assert len(answer) == len(expected) == case.outputs
        for (numbers, dims), array in zip(answer, expected, strict=True):
            assert dims == list(array.shape), case
            np.testing.assert_allclose(
                np.float32(numbers).reshape(dims), array, rtol=2e-6, atol=1e-6, err_msg=str(case)
            )


def test_erf_is_exact_to_the_last_bits_of_float32(tmp_path):
    _write(tmp_path / "0.onnx", *_graph_of(Case("Erf")))
    x = np.linspace(-5, 5, 12 * 100, dtype=np.float32).reshape(100, *ROW)
    _, [[(numbers, _)]] = ran(tmp_path, [x])
    expected = np.float32([math.erf(value) for value in x.reshape(-1).tolist()])
    np.testing.assert_array_max_ulp(np.float32(numbers), expected, maxulp=1)


def test_python_and_the_engine_know_the_same_operators(tmp_path):
    known, _ = ran(tmp_path, [])
    assert set(known) == single.OPERATORS
    assert {case.operator for case in CASES} | QUANTISED == single.OPERATORS  # each was tried


QUANTISED = {"DequantizeLinear", "Gemm", "QuantizeLinear", "Squeeze"}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_quantised_layers_give_what_onnxruntime_gives(tmp_path, axis, transposed, bias):
    random = np.random.default_rng(0)
    shape = (4, 6) if transposed else (6, 4)
    scale = np.float32(random.uniform(0.01, 0.1, () if axis is None else shape[axis]))
    weights = {
        "q": random.integers(-128, 128, shape, dtype=np.int8),
        "scale": scale,
        "zero": np.full(scale.shape, 3, np.int8),
        "bias": np.float32(random.normal(size=4)),
        "in_scale": np.float32(0.03),
        "in_zero": np.uint8(100),
        "shape": np.array([-1, 2, 2, 1]),
        "last": whole(3),
    }
    options = {} if axis is None else {"axis": axis}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], **options),
        helper.make_node("QuantizeLinear", ["x", "in_scale", "in_zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "in_scale", "in_zero"], ["x_d"]),
        helper.make_node("Gemm", ["x_d", "w", *(["bias"] if bias else [])], ["g"], transB=transposed),
        helper.make_node("Relu", ["g"], ["r"]),
        helper.make_node("Sigmoid", ["r"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["t"]),
        helper.make_node("Squeeze", ["t", "last"], ["y"]),
    ]
    _write(tmp_path / "0.onnx", nodes, weights, ["y"], (6,))
    x = np.float32(random.normal(size=(5, 6)) * 2)
    _, [[(data, dims)]] = ran(tmp_path, [x])
    assert dims == [5, 2, 2]
    (expected,) = _onnxruntime(tmp_path / "0.onnx", x)
    np.testing.assert_allclose(np.float32(data).reshape(dims), expected, atol=1e-6)


def ran(folder, feeds):
    """The operators that the engine knows, and for each 0.onnx, 1.onnx ... of a folder what it gives for its x."""
    script = DENSE.replace("SOURCE", (ROOT / "vae_runtime" / "web" / "vae" / "model" / "dense.js").as_uri())
    asked = json.dumps([[str(number), x.reshape(-1).tolist(), x.shape] for number, x in enumerate(feeds)])
    command = [NODE, "--input-type=module", "-e", script, folder, asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _graph_of(case):
    weights = {f"c{i}": array for i, array in enumerate(case.given) if array is not None}
    names = ["x", *(f"c{i}" if array is not None else "" for i, array in enumerate(case.given))]
    outputs = [f"y{i}" for i in range(case.outputs)]
    return [helper.make_node(case.operator, names, outputs, **case.attributes)], weights, outputs


def _write(path, nodes, weights, outputs, row=ROW):
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *row])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def _onnxruntime(path, x):
    session = import_onnxruntime().InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})
