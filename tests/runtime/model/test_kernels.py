"""The same bits for any batch size and number of threads, by what is known of onnxruntime's kernels."""

import contextvars
import threading
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fuzz.engines import kernel_bits
from vae_runtime import VAE, timeout
from vae_runtime.checks.equality import equality
from vae_runtime.errors import TimeoutError
from vae_runtime.model.folder import open_model
from vae_runtime.model.golden import read_golden
from vae_runtime.model.kernels import Kernels, kernels
from vae_runtime.model.sessions import Session
from vae_runtime.model.sides import BATCH
from vae_runtime.model.wire import read_message
from vae_runtime.threads import in_threads


def graph_of(nodes, inputs, outputs, weights):
    def values(sides):
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]) for name, shape in sides.items()
        ]

    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", values(inputs), values(outputs), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def convolutions(channels):
    """Two convolutions with `channels` channels between them."""
    random = np.random.default_rng(0)
    kernels_ = {
        "first": random.normal(size=(channels, 3, 3, 3)).astype(np.float32),
        "second": random.normal(size=(61, channels, 4, 4)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "first"], ["x"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Conv", ["x", "second"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2]),
    ]
    return graph_of(nodes, {"images": (3, 54, 64)}, {"y": (61, 13, 16)}, kernels_)


def in_integers(*, relu_before_float):
    """z in 8 bits into a Gemm of 8-bit weights, whose sums another Gemm takes, with or without a Relu between."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.integers(-60, 60, (264, 55)).astype(np.int8),
        "scale": np.float32(0.01),
        "zero": np.int8(0),
        "z_scale": np.float32(0.02),
        "z_zero": np.uint8(128),
        "second": random.normal(size=(64, 264)).astype(np.float32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["first", "scale", "zero"], ["w"]),
        helper.make_node("QuantizeLinear", ["z", "z_scale", "z_zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "z_scale", "z_zero"], ["x"]),
        helper.make_node("Gemm", ["x", "w"], ["sums"], transB=1),
        helper.make_node("Relu" if relu_before_float else "Clip", ["sums"], ["h"]),
        helper.make_node("Gemm", ["h", "second"], ["y"], transB=1),
    ]
    return graph_of(nodes, {"z": (55,)}, {"y": (64,)}, weights)


def held(content, machine="x86_64"):
    return kernels(read_message(content)["graph"], machine)


def outputs(content, how, rows, *, threads, batch_size):
    session = Session(content, "graph", providers=("CPUExecutionProvider",), threads=threads, kernels=how)
    return session.run(rows, ("y",), batch_size=batch_size)[0]


@pytest.mark.parametrize("channels", [3, 8, 17, 22, 24])
def test_a_convolution_gives_the_same_bits_for_any_batch_size_and_number_of_threads(channels):
    content = convolutions(channels)
    rows = np.random.default_rng(1).random((7, 3, 54, 64), dtype=np.float32)
    expected = outputs(content, held(content), rows, threads=1, batch_size=1)
    for threads in (1, 2, 3, 4):
        for batch_size in (1, 2, 3, 7):
            answer = outputs(content, held(content), rows, threads=threads, batch_size=batch_size)
            assert answer.tobytes() == expected.tobytes()


def test_channels_in_blocks_let_threads_share_an_image_on_x86_alone():
    assert held(convolutions(24)) == held(convolutions(24), "AMD64") == Kernels(True, True)
    assert held(convolutions(5)) == Kernels(True, True)  # fewer than a block
    assert held(convolutions(22)) == held(convolutions(24), "aarch64") == Kernels(False, True)


def test_a_product_of_computed_matrices_runs_row_by_row():
    content = in_integers(relu_before_float=True)
    assert held(content) == Kernels(False, False)
    assert held(in_integers(relu_before_float=False)) == Kernels(True, True)  # an integer kernel gives float32 sums
    rows = np.random.default_rng(1).normal(size=(9, 55)).astype(np.float32)
    expected = outputs(content, held(content), rows, threads=1, batch_size=1)
    for threads in (1, 2, 4):
        for batch_size in (2, 3, 9):
            answer = outputs(content, held(content), rows, threads=threads, batch_size=batch_size)
            assert answer.tobytes() == expected.tobytes()
    assert not np.array_equal(outputs(content, Kernels(True, True), rows, threads=1, batch_size=9), expected)


@pytest.mark.parametrize("name", kernel_bits.CASES)
def test_every_operator_is_run_so_that_a_row_has_the_same_bits(name):
    random = np.random.default_rng(3)
    case = kernel_bits.CASES[name](random)
    rows = random.normal(size=(kernel_bits.ROWS, *case[0])).astype(np.float32)
    assert kernel_bits.differs(kernel_bits.graph(case), rows, kernel_bits.held(name, case)) == (False, False)


@pytest.mark.parametrize("name", ["Elu", "Log", "Softplus", "ReduceSum"])
def test_what_runs_row_by_row_would_differ_else(name):
    random = np.random.default_rng(0)
    shape, nodes, weights = kernel_bits.CASES[name](random)
    case = shape, nodes, {**weights, "a": np.array([1])} if name == "ReduceSum" else weights
    rows = random.normal(size=(kernel_bits.ROWS, *shape)).astype(np.float32)
    assert kernel_bits.held(name, case) == Kernels(False, False)
    assert any(kernel_bits.differs(kernel_bits.graph(case), rows, Kernels(True, True)))


def test_sums_over_the_last_sides_share_threads():
    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["y"])]
    for axes, last in (([-1], True), ([2, 3], True), ([3, -2], True), ([1], False), ([1, 3], False), ([1, 2, 3], True)):
        content = graph_of(nodes, {"x": (4, 5, 6)}, {"y": (4, 5, 6)}, {"axes": np.array(axes)})
        how = kernels(read_message(content)["graph"], shapes={"x": (BATCH, 4, 5, 6)})
        assert how == Kernels(last, last) and held(content) == Kernels(False, False)


@pytest.mark.parametrize("model", ["mnist", "mnist-conditional", "mnist-mlp", "mnist-2d"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_shipped_models_lose_no_thread_on_x86(root, model, precision):
    for path in (root / "artifacts" / model).glob("*.onnx"):
        assert held(path.read_bytes()) == Kernels(True, True)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_equality_is_measured_and_says_how_far_apart_results_are(root, precision):
    folder = root / "artifacts" / "mnist-2d"

    def load(threads):
        return VAE.load(folder, threads=threads, precision=precision)

    model = open_model(folder, providers=("CPUExecutionProvider",), threads=1, precision=precision)
    golden = read_golden(folder, model.manifest, precision)
    bits = equality(load, golden)
    assert bits.same and bits.difference == 0 and bits.batch_sizes[:3] == [1, 2, 3] and bits.threads[0] == 1
    assert str(bits).startswith("the same for batches of 1, 2, 3 and ")

    class Off(VAE):
        def decode(self, z, *, batch_size=64):
            return super().decode(z, batch_size=batch_size) + np.float32(2.0**-20 * (batch_size == 2))

    def load_off(threads):
        return Off(open_model(folder, providers=("CPUExecutionProvider",), threads=threads, precision=precision))

    bits = equality(load_off, golden)
    assert not bits.same and 0 < bits.difference < 1e-5 and "not the same for batches of 1, 2, 3 and" in str(bits)


def test_rows_in_threads_keep_the_time_limit_of_the_caller():
    content = convolutions(22)
    session = Session(content, "graph", providers=("CPUExecutionProvider",), threads=2, kernels=held(content))
    rows = np.zeros((600, 3, 54, 64), np.float32)
    with pytest.raises(TimeoutError), timeout(0.02):
        session.run(rows, ("y",), batch_size=1)


def test_few_rows_of_a_small_graph_begin_no_threads_once_it_is_known_how_little_they_take(monkeypatch):
    begun, usual = [], in_threads.__globals__["_begin"]
    monkeypatch.setitem(in_threads.__globals__, "_begin", lambda *arguments: begun.append(1) or usual(*arguments))
    content = in_integers(relu_before_float=False)
    session = Session(
        content,
        "graph",
        providers=("CPUExecutionProvider",),
        threads=2,
        kernels=Kernels(any_threads=False, any_batch=False),
    )
    rows = np.random.default_rng(1).normal(size=(3, 55)).astype(np.float32)
    (first,) = session.run(rows, ("y",), batch_size=1)
    for seconds, times in ((1e-5, 0), (1e-2, 1)):
        begun.clear()
        session._row_seconds = seconds
        monkeypatch.setattr("vae_runtime.model.sessions.time", SimpleNamespace(perf_counter=lambda: 0.0))
        (again,) = session.run(rows, ("y",), batch_size=1)
        assert again.tobytes() == first.tobytes() and len(begun) == times


def test_work_in_threads_begins_no_more_after_an_error_and_knows_the_callers_context():
    limit, done = contextvars.ContextVar("limit", default=0), []
    limit.set(3)

    def work(item):
        if item == 2:
            raise ValueError("two")
        done.append((item, limit.get(), threading.current_thread() is threading.main_thread()))

    with pytest.raises(ValueError, match="two"):
        in_threads(work, range(10_000), threads=2)
    assert 2 <= len(done) < 9_999 and {limit for _, limit, _ in done} == {3} and not any(main for *_, main in done)
    done.clear()
    in_threads(work, [5, 4], threads=1)
    assert done == [(5, 3, True), (4, 3, True)]
