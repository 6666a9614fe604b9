"""How torch is to trace code that it did not expect, and what to say where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Distribution


@contextmanager
def unvalidated_distributions() -> Iterator[None]:
    """Distributions that do not look at their parameters' numbers, which a trace does not have."""
    validates = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(validates)
