"""A traced graph in the operators of the format."""

from __future__ import annotations

import onnx


def simplified(graph: onnx.ModelProto, role: str) -> onnx.ModelProto:
    return graph
