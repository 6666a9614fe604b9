"""What a graph may hold that no model folder can, each with the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable

import onnx

from ...errors import ExportError
from .operators import TENSORS
from .step import Step

RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
FLOWS = ("If", "Loop", "Scan", "SequenceMap")
INTEGER = (
    *("ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"),
    *("QLinearConv", "QLinearMatMul", "QuantizeLinear"),
)


def require_own_domain(nodes: Iterable[onnx.NodeProto], place: str) -> None:
    """Refuse operators that are not ONNX's own."""
    for node in nodes:
        if node.domain not in ("", "ai.onnx"):
            raise ExportError(
                f"{place}: the node {node.name!r} is {node.domain}.{node.op_type}, an operator outside ONNX's own; "
                "export the model again without that tool's optimisations or custom operators."
            )


def require_known(step: Step) -> None:
    """Refuse an operator that has no place in a model folder."""
    if step.operator in TENSORS:
        return
    if step.operator in RANDOM:
        step.refuse(
            "it draws its own noise; export an encoder that gives mean and logvar, as the draw is the runtime's"
        )
    if step.operator in FLOWS:
        step.refuse("it decides while it runs which nodes follow; export the model for one fixed shape")
    if step.operator in INTEGER:
        step.refuse("the model has 8-bit integers already; give the float32 one, and --int8 for an 8-bit copy")
    step.refuse("no model of this format has such an operator")
