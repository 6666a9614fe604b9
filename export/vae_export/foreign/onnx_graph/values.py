"""What flows along a graph: tensors, and numbers that are known while it is traced, as shapes and indices are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Known numbers are numpy arrays. Sides of tensors are of dtype object: the batch of a traced graph is a torch.SymInt.
Known: TypeAlias = npt.NDArray[Any]
Value: TypeAlias = "Tensor | Known | None"  # None: an optional input that is not there

MOST_KNOWN = 4096  # numbers that are kept known; more are a tensor


def known(numbers: Iterable[Any]) -> Known:
    """A list of integers, some of which may be symbols, as known numbers."""
    entries = list(numbers)
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


def scalar(number: Any) -> Known:
    """One number, as known numbers without a side."""
    array = np.empty((), dtype=object)
    array[()] = number
    return array


def is_symbolic(value: Known) -> bool:
    """Whether a number among them is known to the trace alone."""
    return value.dtype == object and any(isinstance(entry, torch.SymInt) for entry in value.flat)


def as_tensor(value: Tensor | Known) -> Tensor:
    """Known numbers as a tensor. Floats are float32: beside float64 torch computes in float64."""
    if isinstance(value, Tensor):
        return value
    if is_symbolic(value):
        rows = [torch.scalar_tensor(entry, dtype=torch.int64) for entry in value.flat]
        return torch.stack(rows).reshape(value.shape)
    array = np.array(value.tolist()) if value.dtype == object else value
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    return torch.from_numpy(np.array(array))
