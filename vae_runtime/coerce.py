"""Whatever a caller gives, as an array or a sentence."""

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
        if found := _of_a_tensor(value):
            raise InputError(f"{name}: a {kind} came that {found[0]}; give its numbers: {found[1]}.") from error
        raise InputError(f"{name}: a {kind} came that is no array ({error}); expected an array of numbers.") from error


def _of_a_tensor(value: Any) -> tuple[str, str] | None:
    """What keeps a tensor of torch, which is never imported here, from being an array, and what makes it one."""
    place = str(getattr(getattr(value, "device", None), "type", "cpu"))
    if getattr(value, "requires_grad", False) is True:
        return "needs its gradient", ".detach().numpy()" if place == "cpu" else ".detach().cpu().numpy()"
    if place != "cpu" and hasattr(value, "cpu"):
        return f"lies on {place}", ".cpu().numpy()"
    if "bfloat16" in str(getattr(value, "dtype", "")):
        return "is bfloat16", ".float().numpy()"
    return None
