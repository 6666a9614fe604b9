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

_GAMMA, _MULTIPLY_1, _MULTIPLY_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# The same as numpy numbers, made once.
_M1, _M2 = np.uint64(_MULTIPLY_1), np.uint64(_MULTIPLY_2)
_11, _27, _30, _31 = (np.uint64(bits) for bits in (11, 27, 30, 31))


def standard_normal(n: int, size: int, *, seed: int, start: int = 0) -> npt.NDArray[np.float32]:
    """Draw rows start .. start + n - 1 of a seed, seeded: float32 [n, size] from N(0, 1).

    Row i holds elements i * size .. (i + 1) * size - 1 of the seed's stream: it does not depend on n or start. After
    row 2^64 - 1 comes row 0.
    """
    return normal_rows(count_from(start, n), whole_number(size, "size", below=2**31), seed=seed)


def uniform_choice(n: int, choices: int, *, seed: int, start: int = 0) -> npt.NDArray[np.int64]:
    """Draw choices start .. start + n - 1 of a seed among 0 .. choices - 1, seeded: int64 [n]."""
    rows = count_from(start, n) + np.uint64(CHOICES_START)  # modulo 2^64
    u2 = _bits(rows, 1, seed)[:, 0, 1] / 2.0**53
    return np.asarray((u2 * choices).astype(np.int64))


def normal_rows(rows: npt.NDArray[np.uint64], size: int, *, seed: int) -> npt.NDArray[np.float32]:
    """Draw the given rows of a seed, seeded: float32 [len(rows), size]; row i as in `standard_normal`."""
    bits = _bits(rows.astype(np.uint64), size, seed)
    u1 = (bits[..., 0] + 0.5) / 2.0**53  # in (0, 1]: its logarithm is finite
    u2 = bits[..., 1] / 2.0**53
    return (np.sqrt(-2.0 * np.log(u1)) * np.cos(2.0 * np.pi * u2)).astype(np.float32)


def count_from(start: int, n: int, *, name: str = "start") -> npt.NDArray[np.uint64]:
    """Numbers start .. start + n - 1 modulo 2^64: uint64 [n]."""
    first, count = whole_number(start, name), whole_number(n, "n", below=2**31)
    return np.uint64(first) + np.arange(count, dtype=np.uint64)  # arrays of uint64 wrap


def whole_number(value: int, name: str, *, below: int = 2**64) -> int:
    """Check that a count, index or seed is an integer from 0 on and below 2^64, or a lower limit: True is none."""
    try:
        number = -1 if isinstance(value, bool) else value.__index__()
    except (AttributeError, TypeError):
        number = -1
    if not 0 <= number < below:
        raise InputError(f"{name} is {value!r}; expected a whole number from 0 to 2^{below.bit_length() - 1} - 1.")
    return number


def _bits(rows: npt.NDArray[np.uint64], size: int, seed: int) -> npt.NDArray[np.float64]:
    """Two 53-bit integers for each element of the rows, as float64 [len(rows), size, 2].

    Element k takes numbers 2 k and 2 k + 1 of the seed's key, so a row's lie side by side. Everything is modulo 2^64,
    and in place: for one sample the calls of numpy cost more than their arithmetic.
    """
    key = _mix(whole_number(seed, "seed"))
    first = rows * np.uint64(2 * size) + np.uint64((key + _GAMMA) % 2**64)
    x = np.asarray(first[:, None] + np.arange(2 * size, dtype=np.uint64), np.uint64)
    x ^= x >> _30
    x *= _M1
    x ^= x >> _27
    x *= _M2
    x ^= x >> _31
    x >>= _11
    return x.astype(np.float64).reshape(len(rows), size, 2)


def _mix(x: int) -> int:
    """SplitMix64's output function of one number; `_bits` has the same for arrays."""
    x = (x + _GAMMA) % 2**64
    x = (x ^ (x >> 30)) * _MULTIPLY_1 % 2**64
    x = (x ^ (x >> 27)) * _MULTIPLY_2 % 2**64
    return x ^ (x >> 31)
