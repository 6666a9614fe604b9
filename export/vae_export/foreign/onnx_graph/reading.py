"""An ONNX file as a graph of opset 18 or later, with the weights beside it taken in and functions put in place."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.checker
import onnx.inliner
import onnx.version_converter
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.version_converter import ConvertError

from vae_runtime.errors import InputError

from ...errors import ExportError
from .refusals import require_own_domain

OLDEST, SPOKEN = 11, 18  # opsets: the oldest that is converted, and the one that it is converted to


def read_graph(path: Path) -> onnx.ModelProto:
    """Read a file and what lies beside it; an InputError or ExportError says why it is no graph to bring in."""
    try:
        # A name on .json would be read as text. External weights may lie beside the file, and nowhere else.
        model = onnx.load(path, format="protobuf")
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        raise InputError(f"{path} is no ONNX model, or its weights are not beside it: {_line(error)}") from error
    if not model.graph.node or not model.opset_import:
        raise InputError(f"{path} is no ONNX model: it has no nodes.")
    model = onnx.inliner.inline_local_functions(model)
    require_own_domain(model.graph.node, path.name)
    return _spoken(model, path)


def _spoken(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """At opset 18 or later: what this project's operators mean has not changed since."""
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST:
        raise ExportError(f"{path.name} is of opset {opset}; export it again with opset {OLDEST} or later.")
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise ExportError(f"{path.name} is of opset {opset}, and onnx {onnx.__version__} knows {newest}; update onnx.")
    if opset >= SPOKEN:
        return model
    try:
        converted: onnx.ModelProto = onnx.version_converter.convert_version(model, SPOKEN)
    except (RuntimeError, ConvertError) as error:
        raise ExportError(
            f"{path.name} is of opset {opset} and cannot be converted to {SPOKEN} ({_line(error)}); "
            f"export it again with opset_version={SPOKEN}."
        ) from error
    return converted


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
