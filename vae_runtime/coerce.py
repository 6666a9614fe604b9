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
    except (ValueError, TypeError) as error:
        kind = type(value).__name__
        raise InputError(f"{name}: a {kind} came that is no array ({error}); expected an array of numbers.") from error
