"""The operators that a graph may use, with the attributes, inputs and shapes that each may have.

A graph is safe to hand over when the shape of every tensor in it is known beforehand: what crashes an engine is an
attribute outside its range or shapes that do not fit; what starves one is a tensor or a product that is too large. The
rules are of ONNX's operators at opset 18, narrowed to what deterministic models of images need.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from .operators import convolutions, elementwise, layout, matrices, pieces, quantised, reductions, resizing
from .sides import length
from .values import ABSENT, GraphError, Node, Result, Value

LARGEST_SIDE = 2**24
_MANY = range(1, pieces.MOST_PIECES + 1)


def infer(operator: str, inputs: list[Value], attributes: dict[str, Any], outputs: int = 1) -> Result:
    """What a node with so many outputs gives, or a GraphError: something about it is not allowed."""
    if operator not in _RULES:
        raise GraphError(f"the operator {operator} is none of this format")
    counts, rule = _RULES[operator]
    node = Node(operator, inputs, attributes, outputs)
    node.need(len(inputs) in counts, f"it has {len(inputs)} inputs")
    node.need(inputs[0] is not ABSENT and inputs[-1] is not ABSENT, "an input is missing")
    # An engine computes such a node while it loads the graph, however long that takes; weights in 8 bits must be.
    weights = operator == "DequantizeLinear" and inputs[0].constant is not None
    node.need(weights or any(value.batched for value in inputs), "its inputs are constants, which exporters fold")
    result = rule(node)
    node.need(not node.attributes, f"it has the attribute {next(iter(node.attributes), '')!r}")
    node.need(len(result.outputs) == outputs, f"it has {outputs} outputs")
    sides = (length(side) for value in result.outputs for side in value.shape)
    node.need(all(0 < side <= LARGEST_SIDE for side in sides), "a side is too large")
    return result


_RULES: dict[str, tuple[Container[int], Callable[[Node], Result]]] = {
    **dict.fromkeys(("Abs", "Erf", "Exp", "HardSwish", "Log", "Neg", "Reciprocal"), ((1,), elementwise.unary)),
    **dict.fromkeys(("Relu", "Sigmoid", "Softplus", "Sqrt", "Tanh"), ((1,), elementwise.unary)),
    **dict.fromkeys(("Elu", "HardSigmoid", "LeakyRelu"), ((1,), elementwise.sloped)),
    **dict.fromkeys(("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"), ((2,), elementwise.binary)),
    "AveragePool": ((1,), convolutions.average_pool),
    "Clip": ((1, 2, 3), elementwise.clip),
    "Concat": (_MANY, pieces.concat),
    "Conv": ((2, 3), convolutions.conv),
    "ConvTranspose": ((2, 3), convolutions.conv_transpose),
    "DepthToSpace": ((1,), layout.depth_to_space),
    "DequantizeLinear": ((3,), quantised.dequantise),
    "Flatten": ((1,), layout.flatten),
    "Gather": ((2,), pieces.gather),
    "Gemm": ((2, 3), matrices.gemm),
    "GlobalAveragePool": ((1,), convolutions.global_average_pool),
    "InstanceNormalization": ((3,), reductions.instance_normalization),
    "LayerNormalization": ((2, 3), reductions.layer_normalization),
    "MatMul": ((2,), matrices.matmul),
    "MaxPool": ((1,), convolutions.max_pool),
    "PRelu": ((2,), elementwise.prelu),
    "Pad": ((2, 3, 4), pieces.pad),
    "QuantizeLinear": ((3,), quantised.quantise),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum"), ((2,), reductions.reduce)),
    "Reshape": ((2,), layout.reshape),
    "Resize": ((3, 4), resizing.resize),
    "Slice": ((5,), pieces.cut),
    "Softmax": ((1,), reductions.softmax),
    "Split": ((1, 2), pieces.split),
    "Squeeze": ((2,), layout.squeeze),
    "Transpose": ((1,), layout.transpose),
    "Unsqueeze": ((2,), layout.unsqueeze),
}
OPERATORS = frozenset(_RULES)
