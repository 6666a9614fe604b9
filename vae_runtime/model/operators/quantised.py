"""To 8 bits and back."""

from __future__ import annotations

from ..values import INT8, INT32, UINT8, Node, Result, Value, one

_QUANTISED = (UINT8, INT8)


def quantise(node: Node) -> Result:
    """QuantizeLinear with one scale."""
    node.floats(0, 1)
    scale, zero = node.constant(1), node.constant(2)
    node.need(
        scale.shape == zero.shape == () and node.inputs[2].type in _QUANTISED and bool(scale > 0),
        "its scale is no number",
    )
    return Result((Value(node.inputs[2].type, node.inputs[0].shape),))


def dequantise(node: Node) -> Result:
    """DequantizeLinear with one scale, or one for each place along an axis."""
    x, scale, zero = node.inputs[0], node.constant(1), node.constant(2)
    axis = node.attribute("axis", 1, lambda value: 0 <= value < max(1, len(x.shape)))
    node.need(x.type in (*_QUANTISED, INT32) and node.inputs[2].type == x.type, f"its input is of type {x.type}")
    node.floats(1)
    sides = () if scale.ndim == 0 else (x.shape[axis],)
    node.need(scale.shape == zero.shape == sides and bool((scale > 0).all()), "its scales do not fit its input")
    return one(x.shape)
