"""A strict reader of the ONNX wire format (protobuf), of the parts that a model of this format may have.

Lenient readers merge a field that comes twice, skip what they do not know and take any wire type for a number; two of
them then read two different graphs from the same bytes. Here every byte is accounted for: a field that is unknown,
comes twice or has another wire type, a number that is longer than it need be, or text that is not UTF-8 is refused.

https://protobuf.dev/programming-guides/encoding; the fields are in `fields.py`.
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn

from .fields import FOREIGN, FOREIGN_KINDS, REFUSED, SCHEMA, Field
from .limits import MOST_FIELDS, MOST_TEXT

Message = dict[str, Any]  # fields by name; a repeated one is a list, one that is not there is not there

VARINT, BYTES, FIXED32 = 0, 2, 5  # wire types; 1 is of doubles, and 3 and 4 are out of use
_WIRES = {"int": VARINT, "float": FIXED32}  # of kinds of fields; all others are bytes


class WireError(ValueError):
    """Bytes that are not the message they should be."""


class ForeignError(WireError):
    """What ONNX may have and this format may not: another program's graph, not a damaged one."""


def read_message(content: bytes, kind: str = "ModelProto") -> Message:
    """Read one message, deterministic; raw bytes inside are memoryviews of `content`, not copies."""
    reader = _Reader(content)
    return reader.message(0, len(content), kind)


def producer(content: bytes) -> str:
    """Who says to have written an ONNX file, by its first fields; "" for what does not say, or is no ONNX."""
    reader, at = _Reader(content), 0
    try:
        while at < len(reader.data):
            tag, at = _varint(reader.data, at, len(reader.data))
            field = SCHEMA["ModelProto"].get(tag >> 3)
            if field is None or field.kind not in ("int", "text"):
                break
            content, at = reader.value(at, len(reader.data), tag & 7, field, "ModelProto")
            if field.name == "producer_name":
                return str(content)
    except WireError:
        pass
    return ""


class _Reader:
    """Reads the messages of one file, as long as they are no more than an exporter writes: each costs whoever reads."""

    def __init__(self, content: bytes) -> None:
        self.data = content
        self._fields, self._text = MOST_FIELDS, MOST_TEXT  # that may still come

    def message(self, at: int, end: int, kind: str) -> Message:
        """The fields between two places, by name."""
        fields, data = SCHEMA[kind], self.data
        message: Message = {}
        while at < end:
            tag, at = _varint(data, at, end)
            if (field := fields.get(tag >> 3)) is None:
                self._refuse(at, end, tag, kind)
            value, at = self.value(at, end, tag & 7, field, kind)
            if field.repeated:
                message.setdefault(field.name, []).append(value)
            elif field.name in message:
                raise WireError(f"{kind} has {field.name} twice")
            else:
                message[field.name] = value
        return message

    def value(self, at: int, end: int, wire: int, field: Field, kind: str) -> tuple[Any, int]:
        """The value of a field after its tag, and the place behind it."""
        self._fields -= 1
        if self._fields < 0:
            raise ForeignError(f"it has more than {MOST_FIELDS:,} fields")
        if wire != (expected := _WIRES.get(field.kind, BYTES)):
            raise WireError(f"{kind} has {field.name} of wire type {wire}; expected {expected}")
        if wire == VARINT:
            number, at = _varint(self.data, at, end)
            return number - 2**64 if number >= 2**63 else number, at
        if wire == FIXED32:
            if at + 4 > end:
                raise WireError(f"{kind} is cut off")
            return struct.unpack_from("<f", self.data, at)[0], at + 4
        size, at = _varint(self.data, at, end)
        if at + size > end:
            raise WireError(f"{kind} is cut off")
        if field.kind == "bytes":
            return memoryview(self.data)[at : at + size], at + size
        if field.kind == "text":
            return self._text_at(at, size, field, kind), at + size
        return self.message(at, at + size, field.kind), at + size

    def _text_at(self, at: int, size: int, field: Field, kind: str) -> str:
        self._text -= size
        if self._text < 0:
            raise ForeignError(f"it has more than {MOST_TEXT:,} bytes of text")
        try:
            return self.data[at : at + size].decode()
        except UnicodeDecodeError:
            raise WireError(f"{kind} has {field.name} that is not UTF-8") from None

    def _refuse(self, at: int, end: int, tag: int, kind: str) -> NoReturn:
        """A ForeignError for what ONNX knows and stands there whole, a WireError for the rest."""
        number = tag >> 3
        if name := FOREIGN.get(kind, {}).get(number):
            self.value(at, end, tag & 7, Field(name, FOREIGN_KINDS.get(name, "bytes")), kind)
            words = REFUSED.get((kind, number))
            raise ForeignError(
                f"it has {words}" if words else f"{kind} has {name}, which is ONNX, but not of this format"
            )
        raise WireError(f"{kind} has the unknown field {number}")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number below 2^64, seven bits a byte, low ones first; the shortest form alone."""
    if at < end and (number := data[at]) < 0x80:  # nearly all of them
        return number, at + 1
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
