"""Every operator of the format: its shapes are onnxruntime's, and what is outside of its rule is refused."""

import itertools

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from fuzz.wider import node
from tests.support.hostile_operators import HOSTILE, Case
from vae_runtime.model import shapes
from vae_runtime.model.sides import BATCH, Batch
from vae_runtime.model.values import FLOAT32, GraphError, Value

CASES = [(operator, index) for operator, cases in HOSTILE.items() for index in range(len(cases))]
ROWS = 3


def infer(operator, case):
    return shapes.infer(operator, list(case.inputs), dict(case.attributes), case.outputs)


@pytest.mark.parametrize(("operator", "index"), CASES)
def test_a_hostile_node_is_refused_in_one_line(operator, index):
    with pytest.raises(GraphError, match=operator) as error:
        infer(operator, HOSTILE[operator][index])
    assert "\n" not in str(error.value)


def test_every_operator_has_hostile_cases_here_or_in_the_gate_s_own():
    there = {"Add", "DepthToSpace", "DequantizeLinear", "Div", "Exp", "Mul", "Neg", "QuantizeLinear"}
    assert shapes.OPERATORS - HOSTILE.keys() <= there | {"Relu", "Sigmoid", "Sqrt", "Sub", "Tanh"}


def ran(nodes, weights, shape):
    """The shape that onnxruntime gives for ROWS rows of x."""
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ones((ROWS, *shape), np.float32)})[0].shape


def sized(shape):
    return tuple(ROWS * side.places if isinstance(side, Batch) else side for side in shape)


def agree(operator, shape, weights=(), **attributes):
    """Whether we and onnxruntime give one shape; the same constants go to both."""
    names = [f"w{place}" if array is not None else "-" for place, array in enumerate(weights)]
    arrays = {name: array for name, array in zip(names, weights, strict=True) if array is not None}
    values = [
        shapes.ABSENT if array is None else Value({"f": 1, "i": 7}[array.dtype.kind], array.shape, array)
        for array in weights
    ]
    case = Case([Value(FLOAT32, (BATCH, *shape)), *values], attributes)
    ours = infer(operator, case).outputs[0].shape
    return sized(ours) == ran([node(operator, " ".join(["x", *names]), "y", **attributes)], arrays, shape)


def test_windows_are_onnxruntime_s():
    random = np.random.default_rng(0)
    for _ in range(40):
        kernel, stride, dilation = (int(number) for number in random.integers(1, 4, 3))
        pads = [int(number) for number in random.integers(0, (kernel - 1) * dilation + 1, 4)]
        shape = (4, *(int(side) for side in random.integers(9, 20, 2)))
        weight = np.ones((6, 2, kernel, kernel), np.float32)
        window = {"strides": [stride] * 2, "pads": pads}
        assert agree("Conv", shape, [weight], group=2, dilations=[dilation] * 2, **window)
        more = [int(number) for number in random.integers(0, stride, 2)]
        turned = np.ones((4, 3, kernel, kernel), np.float32)
        assert agree("ConvTranspose", shape, [turned], group=2, dilations=[dilation] * 2, output_padding=more, **window)
        window["pads"] = [min(pad, kernel - 1) for pad in pads]
        for operator in ("MaxPool", "AveragePool"):
            assert agree(operator, shape, kernel_shape=[kernel] * 2, **window)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resized_sides_are_onnxruntime_s(mode):
    for scale, side in itertools.product((0.1, 0.5, 0.7, 1.3, 1.5, 7 / 3, 2.0), (3, 7, 10, 13)):
        scales = np.array([1, 1, scale, 2], np.float32)
        if side * scale >= 1:
            assert agree("Resize", (2, side, 5), [None, scales], mode=mode)
    assert agree("Resize", (2, 5, 5), [None, None, np.array([7, 4])], mode=mode, axes=[2, 3])


def test_moved_and_cut_sides_are_onnxruntime_s():
    for axes in ([1], [-1], [0, 3], [1, -1]):
        assert agree("Unsqueeze", (4, 5), [np.array(axes)])
    assert agree("Squeeze", (1, 5, 1), [np.array([1, -1])])
    for axis in range(-4, 5):
        assert agree("Flatten", (2, 3, 4), axis=axis)
    for order in itertools.permutations(range(4)):
        assert agree("Transpose", (2, 3, 4), perm=list(order))
    for mode in ("constant", "reflect", "edge"):
        assert agree("Pad", (4, 5, 6), [np.array([0, 0, 1, 3, 0, 2, 4, 5])], mode=mode)
        assert agree("Pad", (4, 5, 6), [np.array([1, 2]), None, np.array([-1])], mode=mode)
    for place in (np.array(1), np.array([1, -1, 0])):
        assert agree("Gather", (4, 5), [place], axis=-1)


def test_reshapes_that_keep_rows_apart_are_onnxruntime_s_and_others_are_refused():
    """All lists of a tensor with the batch in the middle: let through only where each row stays one."""
    before, after = 4, 6
    for sides in itertools.product((-1, 1, 2, 3, 4, 6, 8, 24), repeat=3):
        if sides.count(-1) != 1:
            continue
        value = Value(FLOAT32, (before, BATCH, after))
        case = Case([value, Value(7, (3,), np.array(sides))], {})
        at = sides.index(-1)
        outside, inside = int(np.prod(sides[:at])), int(np.prod(sides[at + 1 :]))
        rows = np.broadcast_to(np.arange(ROWS)[None, :, None], (before, ROWS, after))
        total = before * ROWS * after
        possible = total % (outside * inside) == 0
        apart = possible and before % outside == 0 and after % inside == 0
        if apart:
            batch = infer("Reshape", case).outputs[0].shape[at]
            shaped = np.moveaxis(rows.reshape(sides), at, 0).reshape(batch.before, ROWS, batch.after, -1)
            assert (shaped == np.arange(ROWS)[None, :, None, None]).all()
        else:
            with pytest.raises(GraphError):
                infer("Reshape", case)


def test_parts_of_a_split_are_what_concat_puts_together():
    x = Value(FLOAT32, (BATCH, 7, 4))
    parts = infer("Split", Case([x, Value(7, (2,), np.array([3, 4]))], {"axis": 1}, 2)).outputs
    assert [part.shape for part in parts] == [(BATCH, 3, 4), (BATCH, 4, 4)]
    assert infer("Concat", Case(list(parts), {"axis": 1})).outputs == (x,)


def test_work_of_grouped_and_transposed_convolutions_is_at_least_their_products():
    x, weight = Value(FLOAT32, (BATCH, 32, 8, 8)), np.ones((32, 16, 3, 3), np.float32)
    value = Value(FLOAT32, weight.shape, weight)
    grouped = infer("Conv", Case([x, value], {"group": 2, "pads": [1, 1, 1, 1]}))
    assert 32 * 64 * 16 * 9 <= grouped.multiplications <= 2 * 32 * 64 * 16 * 9
    turned = infer("ConvTranspose", Case([x, value], {"strides": [2, 2]}))
    assert turned.outputs[0].shape == (BATCH, 16, 17, 17)
    assert 32 * 64 * 16 * 9 <= turned.multiplications <= 2 * 32 * 64 * 16 * 9
