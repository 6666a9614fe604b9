"""The noise: counter-based SplitMix64 and Box-Muller, so that a seed means the same on every machine.

numpy's own generators do not promise their stream across versions; this one is specified in docs/FORMAT.md and is small
enough to port to any language. Element k of a seed depends on the seed and k alone, so any part of the stream can be
drawn at any time, in any batch.

Sources: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64's constants); Box and
Muller 1958, "A note on the generation of random normal deviates".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import InputError

CHOICES_START = 2**62  # labels are drawn from elements from here on, far from those of rows

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)


def standard_normal(n: int, size: int, *, seed: int, start: int = 0) -> npt.NDArray[np.float32]:
    """Draw rows start .. start + n - 1 of a seed, seeded: float32 [n, size] from N(0, 1).

    Row i holds elements i * size .. (i + 1) * size - 1 of the seed's stream: it does not depend on n or start.
    """
    n, size, start = whole_number(n, "n"), whole_number(size, "size"), whole_number(start, "start")
    return normal_rows(np.uint64(start) + np.arange(n, dtype=np.uint64), size, seed=seed)  # modulo 2^64


def uniform_choice(n: int, choices: int, *, seed: int, start: int = 0) -> npt.NDArray[np.int64]:
    """Draw choices start .. start + n - 1 of a seed among 0 .. choices - 1, seeded: int64 [n]."""
    elements = np.arange(n, dtype=np.uint64) + np.uint64(start) + np.uint64(CHOICES_START)  # modulo 2^64
    _, u2 = _uniforms(elements, seed)
    return np.asarray((u2 * choices).astype(np.int64))


def normal_rows(rows: npt.NDArray[np.uint64], size: int, *, seed: int) -> npt.NDArray[np.float32]:
    """Draw the given rows of a seed, seeded: float32 [len(rows), size]; row i as in `standard_normal`."""
    rows, columns = rows.astype(np.uint64)[:, None], np.arange(size, dtype=np.uint64)
    u1, u2 = _uniforms(rows * np.uint64(size) + columns, seed)
    return (np.sqrt(-2.0 * np.log(u1)) * np.cos(2.0 * np.pi * u2)).astype(np.float32)


def whole_number(value: int, name: str) -> int:
    """Check that a count, index or seed is an integer in 0 .. 2^64 - 1."""
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        raise InputError(f"{name} is {value!r}; expected a whole number from 0 to 2^64 - 1.") from None
    if not 0 <= number < 2**64:
        raise InputError(f"{name} is {number}; expected a whole number from 0 to 2^64 - 1.")
    return number


def _uniforms(elements: npt.NDArray[np.uint64], seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The two uniform numbers of each element: u1 in (0, 1], so that its logarithm is finite, and u2 in [0, 1)."""
    key = _mix(np.array([whole_number(seed, "seed")], dtype=np.uint64))
    k2 = np.uint64(2) * elements  # wraps modulo 2^64, as the format says
    a, b = _mix(key + k2), _mix(key + k2 + np.uint64(1))
    u1 = ((a >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return u1, (b >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's output function, elementwise, modulo 2^64."""
    x = x + _GAMMA
    x = (x ^ (x >> np.uint64(30))) * _MULTIPLY_1
    x = (x ^ (x >> np.uint64(27))) * _MULTIPLY_2
    return x ^ (x >> np.uint64(31))
