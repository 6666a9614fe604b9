"""From scores to probabilities: the conformal p-value, valid for any score.

Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for outliers Bates et al. 2023, "Testing for
outliers with conformal p-values".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError

Float64 = npt.NDArray[np.float64]

DIGITS = 7  # significant ones of a kept score; float32, which scores are made of, has no more


def conformal_p_values(scores: npt.ArrayLike, calibration: npt.ArrayLike, *, two_sided: bool = False) -> Float64:
    """(1 + how many of the calibration scores are at least as high) / (1 + how many there are): as `scores`' shape.

    Where the calibration images and a new one are drawn alike, p <= a comes about with probability at most a, whatever
    the score: an alarm at p <= a has the false-alarm rate a. No p is below 1 / (1 + the number of calibration scores).
    two_sided: twice the smaller of this and the same for scores at most as high, at most 1; for anomalies that a
    likelihood finds too normal (Nalisnick et al. 2019, "Detecting out-of-distribution inputs to deep generative models
    using typicality").
    """
    known = np.sort(np.asarray(calibration, np.float64))
    found = np.asarray(as_array(scores, "scores"), np.float64)
    high = (1 + len(known) - np.searchsorted(known, found, side="left")) / (1 + len(known))
    if not two_sided:
        return np.asarray(high)
    low = (1 + np.searchsorted(known, found, side="right")) / (1 + len(known))
    return np.asarray(np.minimum(1.0, 2 * np.minimum(high, low)))


def thinned(scores: Sequence[float], most: int) -> tuple[float, ...]:
    """At most `most` of sorted calibration scores, evenly spaced, deterministic: no p-value below 1/2 becomes smaller.

    Of n scores, m are kept: the one at rank k (n + 1) / (m + 1), k = 1 .. m, rounded down in the lower half and up in
    the upper one. A p-value p of all n becomes one from min(p, 1/2) to p + 1 / (m + 1), a two-sided one from p to
    p + 2 / (m + 1): an alarm stays as rare as was asked for. Thinned again, the same holds of every step.
    """
    n, m = len(scores), min(len(scores), most)
    low = (k * (n + 1) // (m + 1) for k in range(1, m // 2 + 1))
    high = (-(-k * (n + 1) // (m + 1)) for k in range(m // 2 + 1, m + 1))
    return tuple(scores[rank - 1] for rank in (*low, *high))


def rounded_outwards(scores: Sequence[float]) -> tuple[float, ...]:
    """Sorted calibration scores to 7 significant digits, the lower half down and the upper half up.

    So no p-value below 1/2 becomes smaller, one-sided or two-sided. Rounded again they stay the same.
    """
    half = len(scores) // 2
    down, up = (Context(prec=DIGITS, rounding=rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING))
    return tuple(
        float(context.create_decimal(Decimal(repr(float(score)))))  # as it is written: 0.1 is no more than 0.1
        for context, part in ((down, scores[:half]), (up, scores[half:]))
        for score in part
    )


def is_anomalous(p_values: npt.ArrayLike, rate: float) -> npt.NDArray[np.bool_]:
    """Whether each p-value is an alarm at a false-alarm rate: p <= rate, as doubles.

    A p-value is the double nearest to (1 + k) / (1 + n), and a rate the one nearest to its decimal digits. Two such
    fractions that differ do so by 1 / ((1 + n) 10^digits) or more, so this is what whole numbers would say, for any
    calibration that a model can hold and rates of up to eleven digits. rate * (1 + n) is rounded once more, and is not.
    """
    return np.asarray(p_values, np.float64) <= check_rate(rate)


def alarms(n: int, rate: float) -> int:
    """The most calibration scores of n, plus one, that may be as high as an anomalous one; 0: none ever is."""
    count = min(math.floor(check_rate(rate) * (1 + n)) + 1, 1 + n)  # one more than is likely
    while count and not is_anomalous(count / (1 + n), rate):
        count -= 1
    return count


def fewest_scores(rate: float, *, two_sided: bool = False) -> int:
    """How many calibration scores it takes for any p-value to be an alarm at this rate."""
    least = 2 if two_sided else 1
    numerator, denominator = check_rate(rate).as_integer_ratio()
    n = max(least * denominator // numerator - 3, least - 1)  # two fewer than is likely
    while not is_anomalous(least / (1 + n), rate):
        n += 1
    return n


def check_rate(rate: float) -> float:
    """Check a false-alarm rate."""
    number = float(rate) if isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool) else math.nan
    if not 0 < number < 1:
        raise InputError(f"the false-alarm rate is {rate!r}; expected a number between 0 and 1, such as 0.01.")
    return number
