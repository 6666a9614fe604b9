"""The operators of ONNX that can be brought in, as functions of torch, one file for each kind."""

from collections.abc import Mapping

from .elementwise import ELEMENTWISE, Run
from .known import KNOWN
from .layers import LAYERS
from .resizing import RESIZING
from .shaping import SHAPING
from .statistics import STATISTICS

__all__ = ["KNOWN", "SETTINGS", "TENSORS", "Run"]

# Each takes its step and the inputs of it: tensors, or known numbers where an operator may have such.
TENSORS: Mapping[str, Run] = {**ELEMENTWISE, **SHAPING, **LAYERS, **STATISTICS, **RESIZING}

# Inputs that are settings rather than data: they stay known numbers even where they are floats.
SETTINGS: Mapping[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "Dropout": (1, 2),
    "Pad": (1, 2, 3),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
}
