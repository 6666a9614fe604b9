"""No engine sees a graph that is none of the format: every byte read, every operator known, every shape inferred."""

import itertools
from pathlib import Path

import numpy as np
import onnx
import onnx.shape_inference
import onnxruntime
import pytest

from fuzz import seeds, wider
from tests.support.hostile_graphs import CHANGES, broken_bytes
from vae_runtime.errors import IntegrityError
from vae_runtime.model import folder as folders
from vae_runtime.model import gate, shapes, values
from vae_runtime.model import manifest as manifests
from vae_runtime.model.fields import SCHEMA
from vae_runtime.model.sides import BATCH
from vae_runtime.model.wire import read_message

ARTIFACTS = Path(__file__).resolve().parents[3] / "artifacts"
SHIPPED = [
    (folder.parent, role, file.file)
    for folder in sorted(ARTIFACTS.glob("*/manifest.json"))
    for role, graph in manifests.read(folder.parent).graphs.items()
    for file in graph.values()
]


def check(folder, role, content):
    manifest = manifests.read(folder)
    return folders.check_role(content, f"{role}.onnx", role, manifest)


def same(read, expected):
    """Whether our reading of a message is protobuf's."""
    fields = {field.name: field for field in SCHEMA[expected.DESCRIPTOR.name].values()}
    assert read.keys() == {descriptor.name for descriptor, _ in expected.ListFields()} | {
        name for name in read if not fields[name].repeated and not isinstance(read[name], dict) and not read[name]
    }
    for name, value in read.items():
        parts = (
            zip(value, getattr(expected, name), strict=True)
            if fields[name].repeated
            else [(value, getattr(expected, name))]
        )
        for one, other in parts:
            if isinstance(one, dict):
                same(one, other)
            else:
                assert (other.encode() if isinstance(other, str) else other) == (
                    one.encode() if isinstance(one, str) else one
                )


@pytest.mark.parametrize(("folder", "role", "file"), SHIPPED)
def test_shipped_graphs_pass_and_are_read_as_protobuf_reads_them(folder, role, file):
    content = (folder / file).read_bytes()
    check(folder, role, content)
    same(read_message(content), onnx.load_from_string(content))


@pytest.mark.parametrize(("folder", "role", "file"), SHIPPED)
def test_every_shape_is_the_one_that_onnx_infers(folder, role, file, monkeypatch):
    known = {}
    add = gate._add
    monkeypatch.setattr(gate, "_add", lambda there, name, value: (add(there, name, value), known.update({name: value})))
    content = (folder / file).read_bytes()
    check(folder, role, content)
    inferred = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True, data_prop=True)
    assert len(inferred.graph.value_info) > 2
    for info in inferred.graph.value_info:
        tensor = info.type.tensor_type
        assert known[info.name].type == tensor.elem_type
        sides = [side.dim_value if side.HasField("dim_value") else side.dim_param for side in tensor.shape.dim]
        # A Reshape with -1 has no name for what follows.
        assert len(sides) == len(known[info.name].shape)
        for side, ours in zip(sides, known[info.name].shape, strict=True):
            assert side == ours or (ours == BATCH and isinstance(side, str))


def conv_decoder():
    folder = ARTIFACTS / "mnist"
    return folder, "decoder", onnx.load(folder / "decoder.onnx")


@pytest.mark.parametrize("name", CHANGES)
def test_a_hostile_graph_is_refused_in_one_line_before_onnxruntime_sees_it(name):
    folder, role, graph = conv_decoder()
    CHANGES[name](graph)
    with pytest.raises(
        IntegrityError, match=r"decoder\.onnx is no graph of this format|carries|manifest needs"
    ) as error:
        check(folder, role, graph.SerializeToString())
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("name", broken_bytes(b"\x08\x08"))
def test_bytes_that_a_lenient_reader_takes_are_refused(name):
    folder, role, _ = conv_decoder()
    content = broken_bytes((folder / "decoder.onnx").read_bytes())[name]
    with pytest.raises(IntegrityError) as error:
        check(folder, role, content)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_what_the_exporter_may_write_is_what_the_gate_lets_in():
    used = {node.op_type for folder, _, file in SHIPPED for node in onnx.load(folder / file).graph.node}
    assert used <= shapes.OPERATORS


def test_work_is_what_the_multiplications_are():
    """Of a small network, counted by hand."""
    images = values.Value(values.FLOAT32, (BATCH, 3, 8, 10))
    weight = np.zeros((5, 3, 3, 3), np.float32)
    value = values.Value(values.FLOAT32, weight.shape, weight)
    result = shapes.infer("Conv", [images, value], {"pads": [1, 1, 1, 1], "strides": [2, 2]})
    assert (
        result.outputs[0].shape == (BATCH, 5, 4, 5) and result.multiplications == 16 * 4 * 5 * 3 * 9
    )  # channels come in blocks
    flat = values.Value(values.FLOAT32, (BATCH, 100))
    matrix = values.Value(values.FLOAT32, (7, 100), np.zeros((7, 100), np.float32))
    result = shapes.infer("Gemm", [flat, matrix], {"transB": 1})
    assert result == ((values.Value(1, (BATCH, 7)),), 700, 4 * 16 * 100, 0)


def test_shapes_that_do_not_fit_are_refused():
    def value(*sides):
        return values.Value(values.FLOAT32, sides)

    for left, right in itertools.permutations([(BATCH, 3), (BATCH, 4), (5, BATCH), (BATCH, 3, 4)], 2):
        with pytest.raises(values.GraphError):
            shapes.infer("Add", [value(*left), value(*right)], {})
    with pytest.raises(values.GraphError, match="it has 1 inputs"):
        shapes.infer("Add", [value(3)], {})


@pytest.mark.parametrize("name", [name for name in seeds.graphs() if name != "constants"])
def test_what_the_guided_fuzzer_begins_from_passes_and_gives_what_was_inferred(name):
    content = seeds.graphs()[name]
    gate.check_graph(content, "x.onnx", inputs=wider.INPUTS, outputs=wider.OUTPUTS, stamps={})
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).random((3, 1, 4, 4), np.float32)
    (out,) = session.run(None, {"images": images})
    rows = np.concatenate([session.run(None, {"images": images[[row]]})[0] for row in range(3)])
    assert out.shape == (3, 4) and np.isfinite(out).all()
    np.testing.assert_allclose(rows, out, rtol=1e-5, atol=1e-6)  # no row sees another


def test_the_guided_fuzzer_begins_from_every_operator():
    graphs = map(onnx.load_from_string, seeds.graphs().values())
    assert {node.op_type for graph in graphs for node in graph.graph.node} == shapes.OPERATORS
