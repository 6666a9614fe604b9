"""Whatever a caller gives, as an array, a number or a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError


def as_array(value: Any, name: str) -> npt.NDArray[Any]:
    """np.asarray, but for what is no array, such as lists of several lengths: an InputError that names it."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # the last is what a tensor that needs its gradient raises
        kind = type(value).__name__
        if obstacle := _obstacle_of_a_tensor(value):
            why, cure = obstacle
            raise InputError(f"{name}: a {kind} came that {why}; give its numbers: {cure}.") from error
        raise InputError(f"{name}: a {kind} came that is no array ({error}); expected an array of numbers.") from error


def as_number(value: Any, name: str) -> float:
    """The value as a float; text, truth values and arrays of more than one number are an InputError that names it."""
    try:
        if not isinstance(value, (str, bytes, bool)) and not getattr(value, "ndim", 0):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name} is {value!r}; expected a number.")


def _obstacle_of_a_tensor(value: Any) -> tuple[str, str] | None:
    """What keeps a tensor of torch, which is never imported here, from being an array, and what makes it one."""
    place = str(getattr(getattr(value, "device", None), "type", "cpu"))
    if getattr(value, "requires_grad", False) is True:
        return "needs its gradient", ".detach().numpy()" if place == "cpu" else ".detach().cpu().numpy()"
    if place != "cpu" and hasattr(value, "cpu"):
        return f"lies on {place}", ".cpu().numpy()"
    if "bfloat16" in str(getattr(value, "dtype", "")):
        return "is bfloat16", ".float().numpy()"
    return None
