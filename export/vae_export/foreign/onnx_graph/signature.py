"""What a graph takes and gives, as its file declares it."""

from __future__ import annotations

from typing import NamedTuple

import onnx

from vae_runtime.errors import InputError

HALVES, FLOATS = (10, 16), (1, 10, 11, 16)  # ONNX's numbers of types: float16, bfloat16; float and double too


class Port(NamedTuple):
    """An input or output: None for a side that the file leaves open, and for all of them where it names none."""

    name: str
    sides: tuple[int | None, ...] | None
    kind: int


class Signature(NamedTuple):
    """The floats that go in and come out."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    is_half: bool  # some of it is in 16 bits, to which the file's own results are then true

    @classmethod
    def of(cls, model: onnx.ModelProto, place: str) -> Signature:
        """Read it; a graph that takes other than floats is an InputError."""
        weights = {tensor.name for tensor in model.graph.initializer}
        inputs = tuple(_port(value) for value in model.graph.input if value.name not in weights)
        outputs = tuple(_port(value) for value in model.graph.output)
        for port in inputs:
            if port.kind not in FLOATS:
                kind = onnx.TensorProto.DataType.Name(port.kind)
                raise InputError(f"{place} takes {port.name!r} of type {kind}; expected images or latents of floats.")
        kinds = {port.kind for port in (*inputs, *outputs)} | {tensor.data_type for tensor in model.graph.initializer}
        return cls(inputs, tuple(port for port in outputs if port.kind in (*FLOATS, 0)), bool(kinds & set(HALVES)))


def _port(value: onnx.ValueInfoProto) -> Port:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return Port(value.name, None, tensor.elem_type)
    sides = (side.dim_value if side.dim_value > 0 else None for side in tensor.shape.dim)
    return Port(value.name, tuple(sides), tensor.elem_type)
