"""Operators that the format does not have, as some that it has: the same function, to a rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import NodeProto, TensorProto

from .editing import Editor, attribute, node

Rule = Callable[[Editor, NodeProto], None]
_SUMMED = 256  # numbers that a mean adds up in a row


def rewrite_operators(editor: Editor) -> None:
    """Every operator that has a rule here."""
    for each in list(editor.nodes):
        rule = _RULES.get(each.op_type)
        if rule:
            rule(editor, each)


def _batch_normalization(editor: Editor, norm: NodeProto) -> None:
    """By running statistics it is one factor and one sum a channel; after a dense layer they go into its weights."""
    if any(name not in editor.constants for name in norm.input[1:]):
        return
    scale, bias, mean, variance = (editor.constants[name].astype(np.float64) for name in norm.input[1:])
    factor = scale / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    added = bias - mean * factor
    if _into_gemm(editor, norm, factor, added):
        return
    rank = len(editor.shape(norm.input[0]) or (0,) * 4)
    sides = (-1, *(1,) * (rank - 2))
    factors, sums = (editor.constant(each.astype(np.float32).reshape(sides)) for each in (factor, added))
    product = editor.new_name()
    editor.replace(
        norm,
        [node("Mul", [norm.input[0], factors], product), node("Add", [product, sums], norm.output[0])],
    )


def _into_gemm(editor: Editor, norm: NodeProto, factor: np.ndarray, added: np.ndarray) -> bool:
    gemm = editor.maker(norm.input[0])
    if not gemm or gemm.op_type != "Gemm" or len(editor.users(norm.input[0])) > 1 or editor.is_output(norm.input[0]):
        return False
    if any(name not in editor.constants for name in gemm.input[1:]):
        return False
    weights = editor.constants[gemm.input[1]].astype(np.float64)
    bias = editor.constants[gemm.input[2]].astype(np.float64) if len(gemm.input) > 2 else 0.0
    turned = attribute(gemm, "transB", 0)
    weights = weights * (factor[:, None] if turned else factor)
    arrays = (weights, bias * factor + added)
    names = [editor.constant(array.astype(np.float32)) for array in arrays]
    made = node("Gemm", [gemm.input[0], *names], norm.output[0], transB=turned)
    editor.replace(norm, [made])
    return True


def _where(editor: Editor, where: NodeProto) -> None:
    """Softplus as torch writes it, with x itself where x is large; to float32 they are the same there."""
    condition, large, usual = where.input
    compared, softplus = editor.maker(condition), editor.maker(usual)
    if not compared or compared.op_type != "Greater" or not softplus or softplus.op_type != "Softplus":
        return
    threshold = editor.constants.get(compared.input[1])
    if softplus.input[0] == large == compared.input[0] and threshold is not None and float(threshold) >= 20:
        softplus.output[0], where.output[0] = where.output[0], editor.new_name()


def _mish(editor: Editor, mish: NodeProto) -> None:
    soft, curve = editor.new_name(), editor.new_name()
    (x,) = mish.input
    editor.replace(
        mish,
        [node("Softplus", [x], soft), node("Tanh", [soft], curve), node("Mul", [x, curve], mish.output[0])],
    )


def _celu(editor: Editor, celu: NodeProto) -> None:
    alpha = attribute(celu, "alpha", 1.0)
    small, bent = editor.new_name(), editor.new_name()
    editor.replace(
        celu,
        [
            node("Div", [celu.input[0], editor.number(alpha)], small),
            node("Elu", [small], bent),
            node("Mul", [bent, editor.number(alpha)], celu.output[0]),
        ],
    )


def _selu(editor: Editor, selu: NodeProto) -> None:
    alpha, gamma = (
        attribute(selu, "alpha", 1.67326319217681884765625),
        attribute(selu, "gamma", 1.05070102214813232421875),
    )
    bent = editor.new_name()
    editor.replace(
        selu,
        [
            node("Elu", [selu.input[0]], bent, alpha=alpha),
            node("Mul", [bent, editor.number(gamma)], selu.output[0]),
        ],
    )


def _softsign(editor: Editor, softsign: NodeProto) -> None:
    size, more = editor.new_name(), editor.new_name()
    (x,) = softsign.input
    editor.replace(
        softsign,
        [
            node("Abs", [x], size),
            node("Add", [size, editor.number(1.0)], more),
            node("Div", [x, more], softsign.output[0]),
        ],
    )


def _reduce_l2(editor: Editor, reduce: NodeProto) -> None:
    square, total = editor.new_name(), editor.new_name()
    x, *axes = reduce.input
    keep = attribute(reduce, "keepdims", 1)
    editor.replace(
        reduce,
        [
            node("Mul", [x, x], square),
            node("ReduceSum", [square, *axes], total, keepdims=keep),
            node("Sqrt", [total], reduce.output[0]),
        ],
    )


def _instance_normalization(editor: Editor, norm: NodeProto) -> None:
    """By the mean of squared differences from the mean, which is taken twice; group normalisation becomes it too.

    On a plain area the differences are the roundings of the mean, and epsilon lets a norm multiply them by a thousand,
    the next one by a thousand more; their own mean, taken off, leaves nothing. Sums are over the last side alone: they
    add up in one order whatever the batch; and long ones in two steps, for equal numbers are rounded to one side.
    """
    shape = editor.shape(norm.input[0])
    if shape is None or len(shape) != 3 or any(name not in editor.constants for name in norm.input[1:]):
        return
    scale, bias = (editor.constants[name].astype(np.float32)[:, None] for name in norm.input[1:])
    last = editor.constant(np.array([2], np.int64))
    nodes: list[NodeProto] = []

    def add(operator: str, *inputs: str) -> str:
        nodes.append(node(operator, inputs, editor.new_name()))
        return nodes[-1].output[0]

    def mean(name: str) -> str:
        _, groups, size = shape
        part = max(each for each in range(1, min(size, _SUMMED) + 1) if size % each == 0)
        if 1 < part < size and shape[0] == -1:
            name = add("Reshape", name, editor.constant(np.array([-1, groups, size // part, part], np.int64)))
            name = add("ReduceMean", name, editor.constant(np.array([3], np.int64)))
            name = add("Reshape", name, editor.constant(np.array([-1, groups, size // part], np.int64)))
        return add("ReduceMean", name, last)

    gap = norm.input[0]
    for _ in range(2):
        gap = add("Sub", gap, mean(gap))
    variance = mean(add("Mul", gap, gap))
    even = add("Div", gap, add("Sqrt", add("Add", variance, editor.number(attribute(norm, "epsilon", 1e-5)))))
    if (scale != 1).any():
        even = add("Mul", even, editor.constant(scale))
    if bias.any():
        add("Add", even, editor.constant(bias))
    nodes[-1].output[0] = norm.output[0]
    editor.replace(norm, nodes)


def _by_twos(operator: str) -> Rule:
    """An operator of many tensors as some of two."""

    def rule(editor: Editor, many: NodeProto) -> None:
        if len(many.input) == 2 and many.op_type == operator:
            return
        name, made = many.input[0], []
        for number, other in enumerate(many.input[1:], 2):
            output = many.output[0] if number == len(many.input) else editor.new_name()
            made.append(node(operator, [name, other], output))
            name = output
        if made:
            editor.replace(many, made)
        else:
            editor.bypass(many, name)

    return rule


def _identity(editor: Editor, identity: NodeProto) -> None:
    editor.bypass(identity, identity.input[0])


def _cast(editor: Editor, cast: NodeProto) -> None:
    """One to float32, of what is float32 already."""
    source = editor.maker(cast.input[0])
    graph_input = any(value.name == cast.input[0] for value in editor.graph.input)
    kept = source is not None and source.op_type not in ("Cast", "Equal", "Greater", "Less", "Not", "Shape", "ArgMax")
    if attribute(cast, "to", 0) == TensorProto.FLOAT and (graph_input or kept):
        editor.bypass(cast, cast.input[0])


_RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Celu": _celu,
    "Identity": _identity,
    "InstanceNormalization": _instance_normalization,
    "Max": _by_twos("Max"),
    "Min": _by_twos("Min"),
    "Mish": _mish,
    "ReduceL2": _reduce_l2,
    "Selu": _selu,
    "Softsign": _softsign,
    "Sum": _by_twos("Add"),
    "Where": _where,
}
