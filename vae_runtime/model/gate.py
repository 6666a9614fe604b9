"""What a graph must be before an engine sees a byte of it.

One damaged attribute ends the process inside onnxruntime, one loop of 2 KB keeps it for ever, and a checksum is no help
against whoever wrote the file. So each graph is read here first, strictly, and handed on only if it is what this
project's exporter writes: known operators with known attributes, every shape inferred, tensors and work within limits,
the stamps, inputs and outputs that the manifest asks for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import IntegrityError
from . import shapes
from .kernels import kernels
from .limits import LARGE, MOST_NODES, USUAL, Limits, remedy
from .memory import Footprint, Step, live, needed, rows_at_once
from .operators.layout import MOST_SIDES
from .sides import BATCH, Shape, Side, written
from .values import ABSENT, FLOAT32, TYPES, GraphError, Result, TooMuchError, Value
from .wire import ForeignError, Message, WireError, producer, read_message

IR_VERSION, OPSET = 8, 18
PRODUCER = "vae-runtime"  # what this project's exporter calls itself
# What takes as long as so many multiplications at worst: a byte that is written, a node that is begun.
_WRITTEN, _BEGUN = 8, 2**16
_EACH = 2**12  # bytes that an engine keeps about a node or a constant
_INTEGER, _FLOAT, _TEXT, _INTEGERS = 2, 1, 3, 7  # AttributeProto.AttributeType
_KINDS = {_FLOAT: "f", _INTEGER: "i", _TEXT: "s", _INTEGERS: "ints"}


def check_graph(
    content: bytes,
    name: str,
    *,
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    stamps: Mapping[str, str],
    limits: Limits = USUAL,
) -> Footprint:
    """Refuse, with an IntegrityError that names the file, bytes that are no graph of this format, deterministic.

    inputs, outputs: shapes by name, the first side `BATCH`. stamps: what its metadata must say. Returns what the graph
    costs at most, and how a session must run it.
    """
    try:
        model = read_message(content)
        _check_stamps(_metadata(model), name, stamps)
        _check_versions(model)
        cost = _check_nodes(_required(model, "graph", "ModelProto"), inputs, outputs)
        _require_within(limits, cost)
        return cost
    except (WireError, GraphError) as error:
        # Names in the graph are whoever made it's: no lines, and not many letters.
        reason = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in str(error)[:300])
        damaged = isinstance(error, WireError) and not isinstance(error, ForeignError)
        advice = "Copy or download the model again." if damaged else _advice(content, error, limits)
        raise IntegrityError(f"{name} is no graph of this format ({reason}); it was not opened. {advice}") from error


def _advice(content: bytes, error: Exception, limits: Limits) -> str:
    """What to do with a graph that can be read: the manifest's checksum was right, so no copy of it will be better."""
    maker = producer(content)
    if isinstance(error, TooMuchError):
        return remedy(limits, large_enough=error.large_enough)
    if maker in ("", PRODUCER):
        return "This project's exporter writes no such graph: export it again (vae export), or ask who made it."
    return f"It is of another exporter ({maker[:40]!a}): export the model with this one, vae export RUN MODEL."


def _check_versions(model: Message) -> None:
    if model.get("ir_version") != IR_VERSION:
        raise GraphError(f"its IR version is {model.get('ir_version')}, expected {IR_VERSION}")
    imported = [(entry.get("domain", ""), entry.get("version")) for entry in model.get("opset_import", [])]
    if imported != [("", OPSET)]:
        raise GraphError(f"its operators are of {imported}, expected opset {OPSET} of ONNX alone")


def _metadata(model: Message) -> dict[str, str]:
    entries = [(entry.get("key", ""), entry.get("value", "")) for entry in model.get("metadata_props", [])]
    if len({key for key, _ in entries}) != len(entries):
        raise GraphError("its metadata has a key twice")
    return dict(entries)


def _check_stamps(metadata: Mapping[str, str], name: str, stamps: Mapping[str, str]) -> None:
    if stamps and not stamps.keys() & metadata.keys():
        raise GraphError(f"its metadata has no {', '.join(stamps)}")
    for key, expected in stamps.items():
        if metadata.get(key) != expected:
            raise IntegrityError(
                f"{name} carries {key} = {str(metadata.get(key))[:40]!r}, the manifest needs {expected!r}: "
                "the graphs and the manifest are of different models. Copy the whole folder again."
            )


def _check_nodes(graph: Message, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> Footprint:
    known = _declared(graph, "input", inputs)
    _declared(graph, "output", outputs)
    for tensor in graph.get("initializer", []):
        _add(known, tensor.get("name", ""), _constant(tensor))
    nodes = graph.get("node", [])
    if len(nodes) > MOST_NODES:
        raise TooMuchError(f"it has {len(nodes):,} nodes, more than {MOST_NODES:,}")
    results = [_check_node(node, known) for node in nodes]
    for name, shape in outputs.items():
        if name not in known or known[name][:2] != (FLOAT32, shape):
            raise GraphError(f"{name} is not computed as {written(shape)}")
    return _footprint(graph, results, known, list(inputs), list(outputs))


def _require_within(limits: Limits, cost: Footprint) -> None:
    memory, within = needed([cost]), cost.work <= LARGE.work and needed([cost]) <= LARGE.memory
    if cost.work > limits.work:
        what = f"a row takes {cost.work:,} multiplications, more than {limits.work:,}"
        raise TooMuchError(what, large_enough=within)
    if memory > limits.memory:
        raise TooMuchError(
            f"it needs up to {memory:,} bytes of memory, more than {limits.memory:,}", large_enough=within
        )


def _check_node(node: Message, known: dict[str, Value]) -> Result:
    """Check a node and add its outputs to what is known."""
    operator, taken, given = node.get("op_type", ""), node.get("input", []), node.get("output", [])
    missing = [name for name in taken if name and name not in known]
    if missing:
        raise GraphError(f"{operator} takes {missing[0]!r} before it is there")
    inputs = [known[name] if name else ABSENT for name in taken]
    result = shapes.infer(operator, inputs, _attributes(node), len(given))
    for name, value in zip(given, result.outputs, strict=True):
        _add(known, name, value)
    return result


def _footprint(
    graph: Message, results: list[Result], known: Mapping[str, Value], inputs: list[str], outputs: list[str]
) -> Footprint:
    """What the graph costs; results: of its nodes."""
    nodes = graph.get("node", [])
    constants = [value for value in known.values() if not value.batched]
    weights = sum(value.size * TYPES[value.type].itemsize for value in constants)
    weights += _EACH * (len(constants) + len(nodes))
    steps = [
        Step(node["input"], {name: known[name].bytes for name in node["output"]})
        for node in nodes
        if known[node["output"][0]].batched
    ]
    row = live({name: known[name].bytes for name in inputs}, steps, outputs)
    row += max((result.workspace for result in results), default=0)
    return Footprint(
        weights=weights + sum(result.packed for result in results),
        row=row,
        work=sum(_work(result) for result in results),
        kernels=kernels(graph),
        rows=rows_at_once(row, max(known[name].size for name in (*inputs, *outputs))),
    )


def _work(result: Result) -> int:
    return _BEGUN + _WRITTEN * sum(value.bytes for value in result.outputs) + result.multiplications


def _declared(graph: Message, side: str, expected: Mapping[str, Shape]) -> dict[str, Value]:
    """What the graph says of its inputs or outputs, which must be what the manifest needs."""
    interface: dict[str, Value] = {}
    for entry in graph.get(side, []):
        tensor = _required(_required(entry, "type", "ValueInfoProto"), "tensor_type", "TypeProto")
        sides = [_side(dim) for dim in tensor.get("shape", {}).get("dim", [])]
        _add(interface, entry.get("name", ""), Value(tensor.get("elem_type", 0), tuple(sides)))
    if interface != {name: Value(FLOAT32, shape) for name, shape in expected.items()}:
        there = ", ".join(f"{name} {written(value.shape)}" for name, value in interface.items())
        wanted = ", ".join(f"{name} {written(shape)}" for name, shape in expected.items())
        raise GraphError(f"its {side} is {there}; the manifest needs float32 {wanted}")
    return interface


def _side(dim: Message) -> Side:
    if len(dim) != 1:
        raise GraphError("a shape has an open side")
    ((_, side),) = dim.items()
    return BATCH if side == str(BATCH) else side


def _constant(tensor: Message) -> Value:
    kind, sides = tensor.get("data_type", 0), tuple(tensor.get("dims", []))
    raw = _required(tensor, "raw_data", f"the tensor {tensor.get('name', '')!r}")
    if kind not in TYPES or len(sides) > MOST_SIDES or not all(0 < side <= shapes.LARGEST_SIDE for side in sides):
        raise GraphError(f"the tensor {tensor.get('name', '')!r} is of type {kind} and shape {list(sides)}")
    if len(raw) != math.prod(sides) * TYPES[kind].itemsize:
        raise GraphError(f"the tensor {tensor.get('name', '')!r} has {len(raw):,} bytes for {list(sides)} numbers")
    values = np.frombuffer(raw, TYPES[kind]).reshape(sides)
    if kind == FLOAT32 and not np.isfinite(values).all():
        raise GraphError(f"the tensor {tensor.get('name', '')!r} holds NaN or infinity")
    return Value(kind, sides, values)


def _attributes(node: Message) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for attribute in node.get("attribute", []):
        name, kind = attribute.get("name", ""), _KINDS.get(attribute.get("type", 0), "")
        if attribute.keys() != {"name", "type", kind}:
            raise GraphError(f"the attribute {name!r} of {node.get('op_type', '')} has another type than it says")
        if name in attributes:
            raise GraphError(f"{node.get('op_type', '')} has the attribute {name!r} twice")
        attributes[name] = attribute[kind]
    return attributes


def _add(known: dict[str, Value], name: str, value: Value) -> None:
    if not name or name in known:
        raise GraphError(f"the name {name!r} is given twice, or to nothing")
    known[name] = value


def _required(message: Message, name: str, where: str) -> Any:
    if name not in message:
        raise GraphError(f"{where} has no {name}")
    return message[name]
