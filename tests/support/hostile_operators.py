"""Nodes of every operator that come from elsewhere, outside of what the gate knows to be safe: one list an operator.

Each entry is the inputs' shapes (`B` is the batch), constants, and attributes; x is float32 [batch, 4, 6, 8] where
nothing else is said. Many of them ended the process, or read beyond an array, in some version of some engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from vae_runtime.model.sides import BATCH, Batch, Shape
from vae_runtime.model.values import ABSENT, FLOAT32, INT64, UINT8, Value

X: Shape = (BATCH, 4, 6, 8)
HUGE = 2**62
NAN = float("nan")


class Case(NamedTuple):
    """Inputs, and attributes."""

    inputs: list[Value]
    attributes: dict[str, Any]
    outputs: int = 1


def x(*sides: Any) -> Value:
    """A computed tensor."""
    return Value(FLOAT32, sides or X)


def constant(*sides: int) -> Value:
    """Weights of these sides."""
    array = np.ones(sides, np.float32)
    return Value(FLOAT32, sides, array)


def listed(*numbers: int) -> Value:
    """A constant list of int64."""
    return Value(INT64, (len(numbers),), np.array(numbers, np.int64))


def scales(*numbers: float) -> Value:
    """A constant list of float32."""
    return Value(FLOAT32, (len(numbers),), np.array(numbers, np.float32))


def case(*inputs: Value, outputs: int = 1, **attributes: Any) -> Case:
    """One entry."""
    return Case(list(inputs), attributes, outputs)


def _pools(**more: Any) -> list[Case]:
    sound = {"kernel_shape": [2, 2]} | more
    return [
        case(x()),
        case(x(), kernel_shape=[0, 0]),
        case(x(), kernel_shape=[-1, 2]),
        case(x(), kernel_shape=[HUGE, 2]),
        case(x(), kernel_shape=[2]),
        case(x(), kernel_shape=[7, 2]),  # larger than the images
        case(x(), **sound, strides=[0, 1]),
        case(x(), **sound, strides=[HUGE, 1]),
        case(x(), **sound, pads=[2, 2, 2, 2]),  # windows of padding alone
        case(x(), **sound, pads=[-1, 0, 0, 0]),
        case(x(), **sound, pads=[0, 0]),
        case(x(), **sound, ceil_mode=1),
        case(x(), **sound, dilations=[2, 2]),
        case(x(), **sound, auto_pad="VALID"),
        case(x(BATCH, 4, 6), **sound),
        case(x(4, BATCH, 6, 8), **sound),
        case(x(Batch(1, 4), 4, 6, 8), **sound),
        case(Value(UINT8, X), **sound),
    ]


def _reductions() -> list[Case]:
    return [
        case(x(), listed()),
        case(x(), listed(0)),  # the batch
        case(x(), listed(-4)),
        case(x(), listed(4)),
        case(x(), listed(HUGE)),
        case(x(), listed(1, 1)),
        case(x(), listed(1, -3)),
        case(x(), x()),
        case(x(), scales(1)),
        case(x(), listed(1), keepdims=2),
        case(x(), listed(1), noop_with_empty_axes=1),
        case(x(Batch(4), 3), listed(0)),
    ]


def _pairs() -> list[Case]:
    return [
        case(x(), x(BATCH, 5, 6, 8)),
        case(x(), x(4, BATCH, 6, 8)),
        case(x(BATCH, 1), x(1, BATCH)),
        case(x(), listed(1)),
    ]


HOSTILE: dict[str, list[Case]] = {
    "ConvTranspose": [
        case(x(), constant(5, 3, 3, 3)),
        case(x(), constant(4, 3, 3)),
        case(x(), x(BATCH, 3, 3, 3)),
        case(x(), constant(4, 3, 3, 3), group=0),
        case(x(), constant(4, 3, 3, 3), group=3),
        case(x(), constant(4, 3, 3, 3), group=HUGE),
        case(x(), constant(4, 3, 3, 3), strides=[0, 0]),
        case(x(), constant(4, 3, 3, 3), strides=[HUGE, 1]),
        case(x(), constant(4, 3, 3, 3), dilations=[HUGE, 1]),
        case(x(), constant(4, 3, 3, 3), pads=[-1, 0, 0, 0]),
        case(x(), constant(4, 3, 3, 3), pads=[HUGE, 0, 0, 0]),
        case(x(BATCH, 4, 1, 1), constant(4, 3, 3, 3), pads=[2, 2, 2, 2]),  # nothing is left
        case(x(), constant(4, 3, 3, 3), output_padding=[1, 1]),  # not below the stride
        case(x(), constant(4, 3, 3, 3), output_padding=[-1, 0]),
        case(x(), constant(4, 3, 3, 3), output_padding=[HUGE, 0], strides=[2, 2]),
        case(x(), constant(4, 3, 3, 3), output_shape=[HUGE, HUGE]),
        case(x(), constant(4, 3, 3, 3), kernel_shape=[2, 2]),
        case(x(), constant(4, 3, 3, 3), auto_pad="SAME_UPPER"),
        case(x(), constant(4, 3, 3, 3), constant(4)),
        case(x(), constant(4, 3, 3, 3), constant(3, 1)),
    ],
    "Conv": [
        case(x(), constant(4, 2, 3, 3), group=3),
        case(x(), constant(3, 2, 3, 3), group=2),
        case(x(), constant(4, 2, 3, 3), group=-2),
        case(x(), constant(4, 4, 3, 3), dilations=[HUGE, HUGE]),
        case(x(), constant(4, 4, 3, 3), dilations=[4, 4]),  # larger than the images
        case(x(), constant(4, 4, 3, 3), dilations=[2]),
    ],
    "AveragePool": [*_pools(), case(x(), kernel_shape=[2, 2], count_include_pad=2)],
    "MaxPool": [*_pools(), case(x(), kernel_shape=[2, 2], storage_order=1), case(x(), kernel_shape=[2, 2], outputs=2)],
    "GlobalAveragePool": [case(x(BATCH, 4)), case(x(4, BATCH, 6, 8)), case(Value(UINT8, X))],
    "LeakyRelu": [case(x(), alpha=NAN), case(x(), alpha=float("inf")), case(x(), alpha=1), case(x(), beta=1.0)],
    "Elu": [case(x(), alpha=NAN), case(x(), alpha=1e30)],
    "HardSigmoid": [case(x(), alpha=NAN), case(x(), beta=NAN)],
    "PRelu": [
        case(x(), constant(5, 1, 1)),
        case(x(BATCH, 1), constant(7)),
        case(x(), listed(1)),
        case(x(), constant(1, 1, 1, 1, 1)),
    ],
    "Pow": _pairs(),
    "Max": [*_pairs(), case(x(), x(), x())],
    "Min": _pairs(),
    "Softplus": [case(Value(UINT8, X)), case(x(), x())],
    "Erf": [case(x(), outputs=2)],
    "Abs": [case(Value(INT64, X))],
    "HardSwish": [case(x(), alpha=1.0)],
    "Log": [case(constant(3))],
    "Reciprocal": [case(constant(3))],
    "Softmax": [
        case(x(), axis=4),
        case(x(), axis=-5),
        case(x(), axis=HUGE),
        case(x(), axis=0),
        case(x(4, BATCH), axis=-1),
        case(x(), axis=1.0),
    ],
    "ReduceMean": _reductions(),
    "ReduceSum": _reductions(),
    "ReduceMax": _reductions(),
    "InstanceNormalization": [
        case(x(), constant(4), constant(5)),
        case(x(), constant(1), constant(1)),
        case(x(), constant(4), constant(4), epsilon=NAN),
        case(x(), constant(4), constant(4), epsilon=-1.0),
        case(x(), constant(4), constant(4), epsilon=0.0),
        case(x(BATCH, 4), constant(4), constant(4)),
        case(x(4, BATCH, 6), x(BATCH), x(BATCH)),
        case(x(), constant(4), constant(4), activation="Relu"),
    ],
    "LayerNormalization": [
        case(x(), constant(7)),
        case(x(), constant(1)),
        case(x(), constant(8), constant(1)),
        case(x(), constant(8), axis=9),
        case(x(), constant(8), axis=-HUGE),
        case(x(), constant(4, 6, 8), axis=0),
        case(x(), constant(8), epsilon=NAN),
        case(x(), constant(8), stash_type=11),
        case(x(), constant(8), outputs=3),
    ],
    "Resize": [
        case(x(), ABSENT, scales(1, 1, 2)),
        case(x(), ABSENT, scales(1, 1, 2, 2, 2)),
        case(x(), ABSENT, scales(1, 1, 0, 2)),
        case(x(), ABSENT, scales(1, 1, -1, 2)),
        case(x(), ABSENT, scales(1, 1, 1e30, 2)),
        case(x(), ABSENT, scales(1, 1, 0.01, 2)),
        case(x(), ABSENT, scales(1, 2, 2, 2)),
        case(x(), ABSENT, scales(2, 1, 2, 2)),
        case(x(), ABSENT, x(BATCH)),
        case(x(), ABSENT, listed(1, 1, 2, 2)),
        case(x(), ABSENT, ABSENT, listed(1, 4, HUGE, 2)),
        case(x(), ABSENT, ABSENT, listed(1, 4, 6, 8)),
        case(x(), ABSENT, ABSENT, listed(0, 4), axes=[2, 3]),
        case(x(), ABSENT, ABSENT, listed(-6, 4), axes=[2, 3]),
        case(x(), ABSENT, ABSENT, listed(HUGE, 4), axes=[2, 3]),
        case(x(), ABSENT, scales(1, 1, 2, 2), listed(12, 16)),
        case(x(), ABSENT, ABSENT, ABSENT),
        case(x(), scales(0, 0, 0, 0, 1, 1, 1, 1), scales(1, 1, 2, 2)),
        case(x(), ABSENT, scales(2, 2), axes=[1, 2]),
        case(x(), ABSENT, scales(2, 2), axes=[3, 3]),
        case(x(), ABSENT, scales(2, 2), axes=[HUGE, 3]),
        case(x(), ABSENT, scales(1, 1, 2, 2), mode="cubic"),
        case(x(), ABSENT, scales(1, 1, 2, 2), mode="evil"),
        case(x(), ABSENT, scales(1, 1, 2, 2), coordinate_transformation_mode="tf_crop_and_resize"),
        case(x(), ABSENT, scales(1, 1, 2, 2), nearest_mode="evil"),
        case(x(), ABSENT, scales(1, 1, 2, 2), antialias=1),
        case(x(), ABSENT, scales(1, 1, 2, 2), exclude_outside=1),
        case(x(), ABSENT, scales(1, 1, 2, 2), cubic_coeff_a=NAN),
        case(x(), ABSENT, scales(1, 1, 2, 2), keep_aspect_ratio_policy="not_larger"),
        case(x(BATCH, 4, 6), ABSENT, scales(1, 1, 2)),
    ],
    "Pad": [
        case(x(), listed(0, 0, 1, 1)),
        case(x(), listed(0, 0, -1, 0, 0, 0, 0, 0)),
        case(x(), listed(0, 0, HUGE, 0, 0, 0, 0, 0)),
        case(x(), listed(0, 0, HUGE, 0, 0, 0, HUGE, 0)),
        case(x(), listed(1, 0, 0, 0, 0, 0, 0, 0)),
        case(x(), listed(0, 0, 6, 0, 0, 0, 0, 0), mode="reflect"),
        case(x(), listed(0, 0, 1, 0, 0, 0, 0, 0), mode="wrap"),
        case(x(), listed(0, 0, 1, 0, 0, 0, 0, 0), constant(2)),
        case(x(), listed(0, 0, 1, 0, 0, 0, 0, 0), listed(1)),
        case(x(), x()),
        case(x(), listed(1, 1), ABSENT, listed(4)),
        case(x(), listed(1, 1, 1, 1), ABSENT, listed(2, 2)),
        case(x(), listed(), ABSENT, listed()),
    ],
    "Transpose": [
        case(x()),
        case(x(), perm=[0, 1, 2]),
        case(x(), perm=[0, 1, 2, 2]),
        case(x(), perm=[0, 1, 2, HUGE]),
        case(x(), perm=[-4, 1, 2, 3]),
    ],
    "Concat": [
        case(x(), x()),
        case(x(), x(), axis=0),
        case(x(), x(), axis=4),
        case(x(), x(), axis=HUGE),
        case(x(), x(BATCH, 4, 6), axis=1),
        case(x(), x(BATCH, 4, 7, 8), axis=1),
        case(x(), constant(1, 4, 6, 8), axis=1),
        case(x(), Value(UINT8, X), axis=1),
        case(*[x()] * 65, axis=1),
    ],
    "Split": [
        case(x(), axis=0, num_outputs=2, outputs=2),
        case(x(), axis=4, num_outputs=2, outputs=2),
        case(x(), axis=1, num_outputs=2, outputs=3),
        case(x(), axis=1, num_outputs=3, outputs=3),
        case(x(), axis=1, num_outputs=HUGE, outputs=2),
        case(x(), axis=1, num_outputs=0, outputs=2),
        case(x(), axis=1, outputs=2),
        case(x(), listed(2, 3), axis=1, outputs=2),
        case(x(), listed(4, 0), axis=1, outputs=2),
        case(x(), listed(5, -1), axis=1, outputs=2),
        case(x(), listed(4), axis=1, outputs=2),
        case(x(), listed(), axis=1, outputs=0),
        case(x(), listed(HUGE, HUGE), axis=1, outputs=2),
        case(x(), listed(2, 2), axis=1, num_outputs=2, outputs=2),
    ],
    "Gather": [
        case(x(), listed(4), axis=1),
        case(x(), listed(-5), axis=1),
        case(x(), listed(HUGE), axis=1),
        case(x(), listed(0), axis=0),
        case(x(), listed(0), axis=5),
        case(x(), listed(), axis=1),
        case(x(), scales(1), axis=1),
        case(x(), Value(INT64, (1, 1), np.zeros((1, 1), np.int64)), axis=1),
        case(x(), x(BATCH), axis=1),
    ],
    "Squeeze": [
        case(x(), listed(1)),
        case(x(BATCH, 1), listed(0)),
        case(x(BATCH, 1), listed(2)),
        case(x(BATCH, 1), listed(1, -1)),
        case(x(BATCH, 1), listed()),
    ],
    "Unsqueeze": [
        case(x(), listed(5)),
        case(x(), listed(-6)),
        case(x(), listed(1, 1)),
        case(x(), listed(0, 1, 2)),
        case(x(), listed()),
        case(x(), listed(HUGE)),
        case(x(), x(BATCH)),
    ],
    "Flatten": [case(x(), axis=5), case(x(), axis=-5), case(x(), axis=HUGE), case(x(), axis=1.0), case(listed(1))],
    "MatMul": [
        case(x(BATCH, 4), constant(4)),
        case(x(4, BATCH), constant(4, 4)),
        case(x(4, BATCH), x(BATCH, 4)),
        case(x(BATCH, 4), x(4, BATCH)),
        case(x(BATCH, 4), x(BATCH, 4, 4)),  # the rows of one by all of the other
        case(x(Batch(1, 2), 3, 4), x(Batch(2, 1), 4, 3)),  # two orders of the same many
        case(x(BATCH, 4), constant(5, 4)),
    ],
    "Gemm": [
        case(x(BATCH, 4), constant(4, 3), transA=1),
        case(x(4, BATCH), constant(4, 3), transA=1),
        case(x(BATCH, 4), x(4, BATCH)),
        case(x(BATCH, 4), constant(4, 3), constant(4)),
        case(x(BATCH, 4), constant(4, 3), alpha=0.5),
    ],
    "Reshape": [
        case(x(), listed(-1, 5)),
        case(x(), listed(192)),
        case(x(), listed(1, 192)),
        case(x(), listed(-1, -1)),
        case(x(), listed(0, -1)),
        case(x(), listed(2, -1)),  # would mix the rows
        case(x(4, BATCH, 6), listed(-1, 24)),
        case(x(4, BATCH, 6), listed(8, -1)),
        case(x(), listed(-1, HUGE, HUGE)),
        case(x(), listed(-1, 1, 1, 1, 1, 1, 192)),
        case(x(), listed()),
        case(x(), listed(-1, 192), allowzero=2),
    ],
    "Clip": [case(x(), constant(2)), case(x(), ABSENT), case(x(), ABSENT, x()), case(x(), ABSENT, listed(1))],
    "Slice": [
        case(x(), listed(0), listed(1), listed(0), listed(1)),
        case(x(4, BATCH), listed(0), listed(1), listed(1), listed(1)),
        case(x(), listed(0), listed(9), listed(-1), listed(1)),
        case(x(), listed(0), listed(4), listed(1), listed(HUGE)),
    ],
}
