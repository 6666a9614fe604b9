"""A strict reader of the ONNX wire format (protobuf), of the parts that a model of this format may have.

Lenient readers merge a field that comes twice, skip what they do not know and take any wire type for a number; two of
them then read two different graphs from the same bytes. Here every byte is accounted for: a field that is unknown,
comes twice or has another wire type, a number that is longer than it need be, or text that is not UTF-8 is refused.

https://protobuf.dev/programming-guides/encoding, and onnx.proto of IR version 8.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

Message = dict[str, Any]  # fields by name; a repeated one is a list, one that is not there is not there

VARINT, BYTES, FIXED32 = 0, 2, 5  # wire types; 1 is of doubles, and 3 and 4 are out of use


class WireError(ValueError):
    """Bytes that are not the message they should be."""


class Field(NamedTuple):
    """What a field of a message holds: "int", "float", "text", "bytes", or the name of a message."""

    name: str
    kind: str
    repeated: bool = False


SCHEMA: dict[str, dict[int, Field]] = {
    "ModelProto": {
        1: Field("ir_version", "int"),
        2: Field("producer_name", "text"),
        3: Field("producer_version", "text"),
        6: Field("doc_string", "text"),
        7: Field("graph", "GraphProto"),
        8: Field("opset_import", "OperatorSetIdProto", repeated=True),
        14: Field("metadata_props", "StringStringEntryProto", repeated=True),
    },
    "GraphProto": {
        1: Field("node", "NodeProto", repeated=True),
        2: Field("name", "text"),
        5: Field("initializer", "TensorProto", repeated=True),
        10: Field("doc_string", "text"),
        11: Field("input", "ValueInfoProto", repeated=True),
        12: Field("output", "ValueInfoProto", repeated=True),
    },
    "NodeProto": {
        1: Field("input", "text", repeated=True),
        2: Field("output", "text", repeated=True),
        3: Field("name", "text"),
        4: Field("op_type", "text"),
        5: Field("attribute", "AttributeProto", repeated=True),
        6: Field("doc_string", "text"),
    },
    "AttributeProto": {
        1: Field("name", "text"),
        2: Field("f", "float"),
        3: Field("i", "int"),
        4: Field("s", "text"),
        8: Field("ints", "int", repeated=True),
        20: Field("type", "int"),
    },
    "TensorProto": {
        1: Field("dims", "int", repeated=True),
        2: Field("data_type", "int"),
        8: Field("name", "text"),
        9: Field("raw_data", "bytes"),
        12: Field("doc_string", "text"),
    },
    "ValueInfoProto": {
        1: Field("name", "text"),
        2: Field("type", "TypeProto"),
        3: Field("doc_string", "text"),
    },
    "TypeProto": {1: Field("tensor_type", "Tensor"), 6: Field("denotation", "text")},
    "Tensor": {1: Field("elem_type", "int"), 2: Field("shape", "TensorShapeProto")},
    "TensorShapeProto": {1: Field("dim", "Dimension", repeated=True)},
    "Dimension": {1: Field("dim_value", "int"), 2: Field("dim_param", "text")},
    "OperatorSetIdProto": {1: Field("domain", "text"), 2: Field("version", "int")},
    "StringStringEntryProto": {1: Field("key", "text"), 2: Field("value", "text")},
}

REFUSED = {  # fields that ONNX has and this format has not, in words
    ("ModelProto", 20): "training information",
    ("ModelProto", 25): "local functions",
    ("GraphProto", 15): "sparse tensors",
    ("NodeProto", 7): "an operator of another domain",
    ("AttributeProto", 6): "a subgraph",
    ("AttributeProto", 11): "subgraphs",
    ("TensorProto", 13): "weights in another file",
    ("TensorProto", 14): "weights in another place",
}


def read_message(content: bytes, kind: str = "ModelProto") -> Message:
    """Read one message, deterministic; raw bytes inside are memoryviews of `content`, not copies."""
    return _message(memoryview(content), 0, len(content), kind)


def _message(data: memoryview, at: int, end: int, kind: str) -> Message:
    fields = SCHEMA[kind]
    found: Message = {}
    while at < end:
        tag, at = _varint(data, at, end)
        field = fields.get(tag >> 3)
        if field is None:
            refused = REFUSED.get((kind, tag >> 3))
            raise WireError(f"it has {refused}" if refused else f"{kind} has the unknown field {tag >> 3}")
        value, at = _value(data, at, end, tag & 7, field, kind)
        if field.repeated:
            found.setdefault(field.name, []).append(value)
        elif field.name in found:
            raise WireError(f"{kind} has {field.name} twice")
        else:
            found[field.name] = value
    return found


def _value(data: memoryview, at: int, end: int, wire: int, field: Field, kind: str) -> tuple[Any, int]:
    expected = {"int": VARINT, "float": FIXED32}.get(field.kind, BYTES)
    if wire != expected:
        raise WireError(f"{kind} has {field.name} of wire type {wire}; expected {expected}")
    if wire == VARINT:
        number, at = _varint(data, at, end)
        return number - 2**64 if number >= 2**63 else number, at
    if wire == FIXED32:
        if at + 4 > end:
            raise WireError(f"{kind} is cut off")
        return struct.unpack_from("<f", data, at)[0], at + 4
    size, at = _varint(data, at, end)
    if at + size > end:
        raise WireError(f"{kind} is cut off")
    if field.kind == "bytes":
        return data[at : at + size], at + size
    if field.kind == "text":
        try:
            return str(data[at : at + size], "utf-8"), at + size
        except UnicodeDecodeError:
            raise WireError(f"{kind} has {field.name} that is not UTF-8") from None
    return _message(data, at, at + size, field.kind), at + size


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """A number below 2^64, seven bits a byte, low ones first; the shortest form alone."""
    number = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or number >= 2**64:
                break
            return number, at
        shift += 7
        if shift > 63:
            break
    raise WireError("a number is cut off, too large, or longer than it need be")
