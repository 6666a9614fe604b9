"""The small engine of a page of one file computes what onnxruntime does, operator by operator."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from vae_runtime.model.sessions import import_onnxruntime

ROOT = Path(__file__).resolve().parents[3]
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")

DENSE = """
import { readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "SOURCE";
const session = await InferenceSession.create(new Uint8Array(await readFile(process.argv[1])));
const x = Float32Array.from(JSON.parse(process.argv[2]));
const { y } = await session.run({ x: new Tensor("float32", x, [x.length / 6, 6]) });
console.log(JSON.stringify([Array.from(y.data), y.dims]));
"""


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_the_small_engine_computes_what_onnxruntime_does(tmp_path, axis, transposed, bias):
    random = np.random.default_rng(0)
    shape = (4, 6) if transposed else (6, 4)
    scale = np.float32(random.uniform(0.01, 0.1, () if axis is None else shape[axis]))
    constants = {
        "q": random.integers(-128, 128, shape, dtype=np.int8),
        "scale": scale,
        "zero": np.full(scale.shape, 3, np.int8),
        "bias": np.float32(random.normal(size=4)),
        "in_scale": np.float32(0.03),
        "in_zero": np.uint8(100),
        "shape": np.array([-1, 2, 2]),
    }
    options = {} if axis is None else {"axis": axis}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], **options),
        helper.make_node("QuantizeLinear", ["x", "in_scale", "in_zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "in_scale", "in_zero"], ["x_d"]),
        helper.make_node("Gemm", ["x_d", "w", *(["bias"] if bias else [])], ["g"], transB=transposed),
        helper.make_node("Relu", ["g"], ["r"]),
        helper.make_node("Sigmoid", ["r"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2, 2])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (tmp_path / "dense.onnx").write_bytes(model.SerializeToString())
    x = np.float32(random.normal(size=(5, 6)) * 2)
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["y"], {"x": x})
    script = DENSE.replace("SOURCE", (ROOT / "vae_runtime" / "web" / "vae" / "model" / "dense.js").as_uri())
    command = [NODE, "--input-type=module", "-e", script, tmp_path / "dense.onnx", json.dumps(x.reshape(-1).tolist())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    data, dims = json.loads(done.stdout)
    assert dims == [5, 2, 2]
    np.testing.assert_allclose(np.reshape(data, dims), expected, atol=1e-6)
