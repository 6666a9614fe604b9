"""Each operator that an ONNX file may hold, in torch, against onnxruntime running the node itself."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from vae_export.errors import ExportError
from vae_export.foreign.onnx_graph.graph import Graph
from vae_export.foreign.onnx_graph.operators import TENSORS

RANDOM = np.random.default_rng(0)


def weights(*sides):
    return RANDOM.normal(0, 1, sides).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def floats(*numbers):
    return np.array(numbers, np.float32)


X = (2, 4, 6, 6)  # what goes in, unless a case says otherwise
AS_IT_IS = ["Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "GlobalAveragePool", "GlobalMaxPool", "HardSwish", "Identity"]
AS_IT_IS += ["Mish", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Tanh"]
REDUCTIONS = ["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]
POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
DECONV = {"strides": [2, 2], "kernel_shape": [3, 3]}


def case(operator, *constants, shape=X, opset=18, **attributes):
    name = "-".join([operator, *(f"{key}={value}" for key, value in attributes.items() if key != "value"), str(opset)])
    return pytest.param(operator, constants, shape, opset, attributes, id=name)


CASES = [
    *(case(operator) for operator in AS_IT_IS),
    *(case(f"Reduce{kind}", ints(2, 3), keepdims=keep) for kind in REDUCTIONS for keep in (0, 1)),
    *(case(operator, weights(4, 1, 1)) for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")),
    case("ReduceSum", axes=[1], opset=11),
    case("ReduceMean", axes=[-1], keepdims=0, opset=13),
    case("Celu", alpha=0.7),
    case("Elu", alpha=0.7),
    case("Gelu", opset=20),
    case("Gelu", opset=20, approximate="tanh"),
    case("HardSigmoid", alpha=0.3, beta=0.4),
    case("LeakyRelu", alpha=0.2),
    case("PRelu", weights(4, 1, 1)),
    case("PRelu", weights(1, 1, 6), opset=11),
    case("Pow", floats(2.0)),
    case("Selu"),
    case("ThresholdedRelu", alpha=0.3),
    case("Clip", floats(-0.5).reshape(()), floats(0.5).reshape(())),
    case("Clip", floats(-0.5).reshape(()), opset=11),
    case("Softmax", axis=-1),
    case("Softmax", axis=1),
    case("Softmax", axis=1, opset=11),
    case("LogSoftmax", axis=2),
    case("Dropout", opset=12),
    case("Conv", weights(5, 4, 3, 3), weights(5), pads=[1, 1, 1, 1], strides=[2, 2]),
    case("Conv", weights(5, 4, 3, 3), pads=[0, 1, 2, 1]),
    case("Conv", weights(4, 1, 3, 3), weights(4), group=4, dilations=[2, 2]),
    case("Conv", weights(5, 4, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    case("Conv", weights(5, 4, 4, 4), auto_pad="SAME_LOWER"),
    case("Conv", weights(5, 4, 3, 3), auto_pad="VALID"),
    case("Conv", weights(5, 4, 3), shape=(2, 4, 9)),
    case("ConvTranspose", weights(4, 5, 3, 3), weights(5), pads=[1, 1, 1, 1], output_padding=[1, 1], **DECONV),
    case("ConvTranspose", weights(4, 5, 3, 3), weights(5), pads=[0, 0, 1, 1], **DECONV),
    case("ConvTranspose", weights(4, 5, 3, 3), auto_pad="SAME_UPPER", **DECONV),
    case("ConvTranspose", weights(4, 5, 3, 3), auto_pad="SAME_LOWER", **DECONV),
    case("ConvTranspose", weights(4, 2, 3, 3), group=2, dilations=[2, 2]),
    case("ConvTranspose", weights(4, 5, 3, 3), output_shape=[12, 12], **DECONV),
    case("Gemm", weights(24, 5), weights(5), shape=(3, 24)),
    case("Gemm", weights(5, 24), weights(5), shape=(3, 24), transB=1, alpha=0.5, beta=2.0),
    case("MatMul", weights(6, 7)),
    case("MatMul", weights(24, 5), shape=(3, 24)),
    case("Einsum", weights(6, 5), equation="bchw,wd->bchd"),
    case("BatchNormalization", weights(4), weights(4), weights(4), np.abs(weights(4)) + 0.1, epsilon=1e-3),
    case("BatchNormalization", weights(4), weights(4), weights(4), np.abs(weights(4)) + 0.1, opset=11),
    case("InstanceNormalization", weights(4), weights(4), epsilon=1e-3),
    case("LayerNormalization", weights(6), weights(6), axis=-1, opset=17),
    case("LayerNormalization", weights(6, 6), axis=2, epsilon=1e-3),
    case("GroupNormalization", weights(4), weights(4), num_groups=2, opset=21),
    case("GroupNormalization", weights(2), weights(2), num_groups=2, opset=18),
    case("AveragePool", pads=[1, 1, 1, 1], **POOL),
    case("AveragePool", pads=[1, 1, 1, 1], count_include_pad=1, **POOL),
    case("AveragePool", pads=[0, 0, 1, 1], **POOL),
    case("AveragePool", pads=[0, 0, 1, 1], count_include_pad=1, **POOL),
    case("MaxPool", pads=[1, 1, 1, 1], **POOL),
    case("MaxPool", pads=[0, 0, 1, 1], **POOL),
    case("MaxPool", ceil_mode=1, **POOL),
    case("MaxPool", auto_pad="SAME_UPPER", **POOL),
    case("Flatten"),
    case("Flatten", axis=2),
    case("Reshape", ints(0, -1)),
    case("Reshape", ints(-1, 4, 36)),
    case("Squeeze", ints(2), shape=(2, 4, 1, 6)),
    case("Squeeze", axes=[2], shape=(2, 4, 1, 6), opset=11),
    case("Unsqueeze", ints(1, -1)),
    case("Transpose", perm=[0, 2, 3, 1]),
    case("Transpose"),
    case("Concat", weights(2, 3, 6, 6), axis=1),
    case("Slice", ints(1), ints(2**62), ints(2)),
    case("Slice", ints(-3, 0), ints(-1, 6), ints(3, 2), ints(1, 2)),
    case("Slice", ints(-1), ints(-(2**31)), ints(3), ints(-1)),
    case("Gather", np.array(1), axis=1),
    case("Gather", ints(0, 2, -1), axis=2),
    case("Gather", ints(1, 2, 3), axis=1),
    case("Gather", ints(0, 2, 1, 1).reshape(2, 2), axis=3),
    case("Expand", ints(2, 1, 6, 1), shape=(2, 4, 1, 6)),
    case("Tile", ints(1, 2, 1, 3)),
    case("Pad", ints(0, 0, 1, 2, 0, 0, 2, 1), floats(0.5).reshape(())),
    case("Pad", ints(0, 0, 1, 2, 0, 0, 2, 1), mode="reflect", opset=11),
    case("Pad", ints(0, 0, 1, 2, 0, 0, 2, 1), mode="edge"),
    case("Pad", ints(1, -1), floats(0).reshape(()), ints(3)),
    case("DepthToSpace", blocksize=2),
    case("DepthToSpace", blocksize=2, mode="CRD"),
    case("SpaceToDepth", blocksize=2),
    case("Where", weights(4, 1, 6), weights(4, 6, 1), shape=X),
    *(
        case("Resize", floats(), floats(1, 1, 2, 2), opset=opset, mode=mode, coordinate_transformation_mode=places)
        for opset in (11, 18)
        for mode, places in (
            ("nearest", "asymmetric"),
            ("linear", "half_pixel"),
            ("linear", "pytorch_half_pixel"),
            ("linear", "align_corners"),
        )
    ),
    case("Resize", floats(), floats(1, 1, 3, 3), mode="nearest"),
    case("Resize", floats(), floats(), ints(2, 4, 9, 3), mode="linear"),
    case("Resize", floats(), floats(0.5, 0.5), axes=[2, 3], mode="linear"),
]


def written(path, operator, constants, shape, opset, attributes):
    """A file of one node; `Where` asks whether its input is positive."""
    if operator == "Resize" and attributes.get("mode") == "nearest":
        attributes = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric", **attributes}
    names = [f"c{place}" for place in range(len(constants))]
    first, nodes = "x", []
    if operator == "Where":
        zero = numpy_helper.from_array(np.zeros((), np.float32), "zero")
        nodes, first = [helper.make_node("Greater", ["x", "zero"], ["positive"])], "positive"
    nodes.append(helper.make_node(operator, [first, *names], ["y"], name="the_node", **attributes))
    tensors = [numpy_helper.from_array(array, name) for array, name in zip(constants, names, strict=True)]
    tensors += [zero] if operator == "Where" else []
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape[1:]])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "one", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)


@pytest.mark.parametrize(("operator", "constants", "shape", "opset", "attributes"), CASES)
def test_an_operator_gives_what_onnxruntime_gives(operator, constants, shape, opset, attributes, tmp_path):
    path = tmp_path / "one.onnx"
    written(path, operator, constants, shape, opset, attributes)
    x = RANDOM.normal(0, 1, shape).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    (given,) = Graph.read(path).module(["y"])(torch.from_numpy(x))
    assert given.shape == expected.shape
    np.testing.assert_allclose(given.numpy(), expected, rtol=2e-5, atol=2e-5)


def test_every_operator_is_compared():
    """But those of shapes, which the pairs of files hold, and comparisons that only those ask."""
    of_shapes = {"Cast", "CastLike", "ConstantOfShape", "Equal", "Range", "Shape", "Size", "Split"}
    of_truths = {"And", "GreaterOrEqual", "Greater", "Less", "LessOrEqual", "Not", "Or"}
    of_positive_numbers = {"Log", "Sqrt"}
    compared = {case.values[0] for case in CASES}
    assert set(TENSORS) - compared == of_shapes | of_truths | of_positive_numbers


@pytest.mark.parametrize(
    ("operator", "constants", "attributes", "sentence"),
    [
        ("Resize", (floats(), floats(1, 1, 2, 2)), {"mode": "cubic"}, "it resizes by 'cubic'"),
        ("Resize", (floats(), floats(1, 1, 1.6, 1)), {"mode": "linear"}, "no whole pixels"),
        (
            "Resize",
            (floats(), floats(1, 1, 2, 2)),
            {"nearest_mode": "ceil", "coordinate_transformation_mode": "asymmetric"},
            "others than those that torch repeats",
        ),
        ("Pad", (ints(0, 0, 1, 1, 0, 0, 1, 1),), {"mode": "wrap"}, "its mode is 'wrap'"),
        ("Slice", (ints(-1), ints(-5), ints(3), ints(-2)), {}, "backwards"),
        ("LRN", (), {"size": 3}, "no model of this format has such an operator"),
        ("QuantizeLinear", (floats(1).reshape(()),), {}, "8-bit integers already"),
        ("RandomNormalLike", (), {}, "export an encoder that gives mean and logvar"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(operator, constants, attributes, sentence, tmp_path):
    path = tmp_path / "one.onnx"
    opset = 19 if attributes.get("mode") == "wrap" else 18
    written(path, operator, constants, X, opset, attributes)
    with pytest.raises(ExportError, match=sentence) as caught:
        Graph.read(path).module(["y"])(torch.zeros(X))
    assert str(caught.value).startswith(f"one.onnx: the node 'the_node', a {operator}, cannot be brought in: ")
