"""Shapes that a graph computes of its batch, as constants: the gate knows every shape before anything runs."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from .editing import Editor, attribute, node
from .inference import Sides

ELEMENTWISE = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")


def fold_shapes(editor: Editor) -> None:
    """Constant shapes for Reshape, Resize, Slice and whatever spreads a constant over the batch."""
    for each in list(editor.nodes):
        rule = _RULES.get(each.op_type)
        if rule:
            rule(editor, each)


def _reshape(editor: Editor, reshape: NodeProto) -> None:
    shape = editor.shape(reshape.output[0])
    if shape is None or shape.count(-1) != 1 or editor.integers(reshape.input[1]) == list(shape):
        return
    reshape.input[1] = editor.constant(np.array(shape, np.int64))


def _resize(editor: Editor, resize: NodeProto) -> None:
    """Sizes of the two sides of a picture alone."""
    shape = editor.shape(resize.output[0])
    if shape is None or len(shape) != 4 or len(resize.input) < 4 or not resize.input[3]:
        return
    others = [each for each in resize.attribute if each.name != "axes"]
    inputs = [resize.input[0], "", "", editor.constant(np.array(shape[2:], np.int64))]
    made = node("Resize", inputs, resize.output[0], axes=[2, 3])
    made.attribute.extend(others)
    editor.replace(resize, [made])


def _slice(editor: Editor, cut: NodeProto) -> None:
    """Starts and ends counted from the beginning, in steps of 1; other steps pick places from a list."""
    shape = editor.shape(cut.input[0])
    lists = [editor.integers(name) for name in cut.input[1:]]
    if shape is None or None in lists:
        return
    starts, ends = lists[0] or [], lists[1] or []
    axes = lists[2] if len(lists) > 2 and lists[2] else list(range(len(starts)))
    steps = lists[3] if len(lists) > 3 and lists[3] else [1] * len(starts)
    axes = [axis % len(shape) for axis in axes]
    if any(shape[axis] == -1 for axis in axes):
        whole = all(start == 0 and end >= 2**31 - 1 for start, end in zip(starts, ends, strict=True))
        if whole and set(steps) == {1}:
            editor.bypass(cut, cut.input[0])
        return
    spans = [range(*slice(*each).indices(shape[axis])) for axis, *each in zip(axes, starts, ends, steps, strict=True)]
    if set(steps) == {1}:
        lists_now = [[span.start for span in spans], [span.stop for span in spans], axes, steps]
        if lists_now != lists:
            cut.input[1:] = [editor.constant(np.array(each, np.int64)) for each in lists_now]
        return
    name, made = cut.input[0], []
    for number, (axis, span) in enumerate(zip(axes, spans, strict=True)):
        output = cut.output[0] if number == len(axes) - 1 else editor.new_name()
        made.append(node("Gather", [name, editor.constant(np.array(span, np.int64))], output, axis=axis))
        name = output
    editor.replace(cut, made)


def _expand(editor: Editor, expand: NodeProto) -> None:
    """A constant for every row: left to those who broadcast it, else added to as many zeros as there are rows."""
    shape, before = editor.shape(expand.output[0]), editor.shape(expand.input[0])
    if shape is None or before is None:
        return
    if shape == before:
        editor.bypass(expand, expand.input[0])
        return
    users = editor.users(expand.output[0])
    broadcast = all(user.op_type in ELEMENTWISE and _spans(editor, user, expand.output[0], shape) for user in users)
    if broadcast and editor.bypass(expand, expand.input[0]):
        return
    zeros, made = _zeros(editor, shape)
    editor.replace(expand, [*made, node("Add", [expand.input[0], zeros], expand.output[0])])


def _filled(editor: Editor, fill: NodeProto) -> None:
    """As many copies of a number as a shape has places."""
    shape = editor.shape(fill.output[0])
    value = attribute(fill, "value", None)
    if shape is None or shape.count(-1) != 1:
        return
    number = 0.0
    if value is not None:
        from onnx import numpy_helper

        array = numpy_helper.to_array(value)
        if array.dtype != np.float32:
            return
        number = float(array.reshape(-1)[0])
    zeros, made = _zeros(editor, shape)
    editor.replace(fill, [*made, node("Add", [zeros, editor.number(number)], fill.output[0])])


def _spans(editor: Editor, user: NodeProto, name: str, shape: Sides) -> bool:
    """Whether the other side of an operator of two tensors has the whole shape already."""
    others = [each for each in user.input if each != name]
    return len(others) == 1 and editor.shape(others[0]) == shape


def _zeros(editor: Editor, shape: Sides) -> tuple[str, list[NodeProto]]:
    """Zeros of a shape with the batch's side, from the graph's input, whose numbers are finite."""
    source = editor.graph.input[0].name
    rank = len(editor.shape(source) or (0,))
    lists = [[0] * (rank - 1), [1] * (rank - 1), list(range(1, rank)), [1] * (rank - 1)]
    first, one, column = (editor.new_name() for _ in range(3))
    sides = [-1 if side == -1 else 1 for side in shape]
    made = [
        node("Slice", [source, *(editor.constant(np.array(each, np.int64)) for each in lists)], first),
        node("Mul", [first, editor.number(0.0)], one),
        node("Reshape", [one, editor.constant(np.array(sides, np.int64))], column),
    ]
    if all(side in (1, -1) for side in shape):
        return column, made
    spread = editor.new_name()
    whole = np.zeros([1 if side == -1 else side for side in shape], np.float32)
    return spread, [*made, node("Add", [column, editor.constant(whole)], spread)]


_RULES = {
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
}
