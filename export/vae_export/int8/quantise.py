"""A float32 graph with 8-bit integers inside: static quantisation in ONNX's QDQ form.

Weights are int8 per output channel, activations uint8 with fixed ranges (Jacob et al. 2018, "Quantization and training
of neural networks for efficient integer-arithmetic-only inference"). Weights use seven of their eight bits: without
integer dot-product instructions onnxruntime adds two products in 16 bits, which eight-bit weights overflow; the results
would be wrong there (an encoder lost 4.2 nats in the place of 0.1), and others than on processors that have them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx

from ..errors import ExportError
from .recipe import Ranges

# What has integer kernels and a place inside; Sigmoid, the bounds of logvar and the outputs stay float32. ConvTranspose
# has none: between integers it took 1.1 times as long as alone (onnxruntime 1.31).
QUANTISED = (
    *("Conv", "Gemm", "MatMul", "Add", "Relu", "LeakyRelu", "MaxPool"),
    *("Reshape", "Flatten", "Transpose", "DepthToSpace"),
)
LAYERS = ("Conv", "Gemm", "MatMul")  # what can be left in float32, one by one, if it has weights
LARGEST_LOOK = 2**28  # numbers of activations that are looked at to find ranges: 1 GiB
OUTLIERS = 1e-5  # share of an activation's values that its range may cut off at each end

Float32 = npt.NDArray[np.float32]


def layers(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes that can be quantised or left."""
    weights = {tensor.name for tensor in graph.graph.initializer}
    integers = [node for node in graph.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in weights]
    weights |= {name for node in integers for name in node.output}
    return [node.name for node in graph.graph.node if node.op_type in LAYERS and node.input[1] in weights]


def weight_count(graph: onnx.ModelProto, name: str) -> int:
    """How many numbers a layer multiplies by."""
    (node,) = (node for node in graph.graph.node if node.name == name)
    (weights,) = (tensor for tensor in graph.graph.initializer if tensor.name == node.input[1])
    return math.prod(weights.dims)


def logit_nodes(graph: onnx.ModelProto) -> list[str]:
    """What stays float32 because logits are added up over an image: what follows the last layer, and itself if a Conv.

    An integer Gemm can give float32 sums, and in a dense decoder the last one is most of the work; a Conv cannot.
    """
    names = [node.name for node in graph.graph.node]
    found = layers(graph)
    if not found:
        return names
    last = names.index(found[-1])
    return names[last + (graph.graph.node[last].op_type == "Gemm") :]


def head_nodes(graph: onnx.ModelProto) -> list[str]:
    """What stays float32 because its results are outputs, mean or logvar, which are more than one of 256 values.

    All that is behind the last layers of each output, and those layers too but for a Gemm, which can give its sums.
    """
    makers = {name: node for node in graph.graph.node for name in node.output}
    heads, ahead = set(), [makers[value.name] for value in graph.graph.output if value.name in makers]
    layer_names = set(layers(graph))
    while ahead:
        node = ahead.pop()
        if node.op_type in QUANTISED and node.op_type != "Gemm":
            heads.add(node.name)
        if node.name not in layer_names:
            ahead += [makers[name] for name in node.input if name in makers and makers[name].name not in heads]
    return [node.name for node in graph.graph.node if node.name in heads]


def _unfit(graph: onnx.ModelProto) -> list[str]:
    """What has kernels and wins nothing: products of two activations, as attention has them, and sums with one number.

    Such a number is shared with other nodes, a Clip for one, whose bounds must stay what they are.
    """
    weighted = set(layers(graph))
    numbers = {tensor.name for tensor in graph.graph.initializer if math.prod(tensor.dims) == 1}
    products = [node.name for node in graph.graph.node if node.op_type in LAYERS and node.name not in weighted]
    return [*products, *(node.name for node in graph.graph.node if node.op_type == "Add" and numbers & {*node.input})]


def activation_ranges(graph: onnx.ModelProto, inputs: Float32) -> dict[str, tuple[float, float]]:
    """Between which values each float tensor of a one-input graph lies for these inputs; 0 is always among them."""
    import onnxruntime

    shown = onnx.ModelProto()
    shown.CopyFrom(graph)
    outputs = {value.name for value in shown.graph.output}
    for node in graph.graph.node:
        for name in node.output:
            if name not in outputs:
                shown.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    (name,) = (value.name for value in session.get_inputs())
    one = session.run(names, {name: inputs[:1]})
    inputs = inputs[: max(1, LARGEST_LOOK // sum(array.size for array in one))]
    values = dict(zip(names, session.run(names, {name: inputs}), strict=True)) | {name: inputs}
    return {name: _range(array) for name, array in values.items()}


def quantise(graph: onnx.ModelProto, ranges: Ranges, keep: tuple[str, ...]) -> onnx.ModelProto:
    """The graph with all but the nodes of `keep` in int8; its inputs and outputs stay float32."""
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    if unknown := set(keep) - {node.name for node in graph.graph.node}:
        raise ExportError(
            f"the recipe for int8 leaves {sorted(unknown)[0]} in float32, and the graph has no such node."
        )
    numbers = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantiser = QDQQuantizer(
        onnx.shape_inference.infer_shapes(graph),
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, numbers),
        nodes_to_quantize=None,
        nodes_to_exclude=[*keep, *_unfit(graph)],
        op_types_to_quantize=list(QUANTISED),
        extra_options={},
    )
    quantiser.quantize_model()
    quantiser.model.topological_sort()
    integers: onnx.ModelProto = quantiser.model.model
    _free_outputs(integers.graph, keep)
    _name_axes(integers.graph)
    return integers


def _free_outputs(graph: onnx.GraphProto, keep: tuple[str, ...]) -> None:
    """Let the last Gemms give their float32 sums as they are: mean, log-variance or logits, not one of 256 values."""
    makers = {name: node for node in graph.node for name in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for back in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        to = makers.get(back.input[0])
        gemm = makers.get(to.input[0]) if to else None
        if not to or not gemm or gemm.op_type != "Gemm":
            continue
        if all(user.op_type == "Clip" or user.name in keep for user in users.get(back.output[0], [])):
            gemm.output[0] = back.output[0]
            graph.node.remove(to)
            graph.node.remove(back)


def _name_axes(graph: onnx.GraphProto) -> None:
    """Constants of one side say axis 0: one scale needs none, but ONNX's default of 1 is no axis of theirs."""
    short = {tensor.name for tensor in graph.initializer if len(tensor.dims) < 2}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in short and not node.attribute:
            node.attribute.append(onnx.helper.make_attribute("axis", 0))


def _range(values: Float32) -> tuple[float, float]:
    low, high = np.quantile(values, [OUTLIERS, 1 - OUTLIERS])
    return min(float(np.float32(low)), 0.0), max(float(np.float32(high)), 0.0)
