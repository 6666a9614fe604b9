"""From scores to probabilities: the conformal p-value, valid for any score.

Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for outliers Bates et al. 2023, "Testing for
outliers with conformal p-values".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import numpy as np
import numpy.typing as npt

from ..coerce import as_array

Float64 = npt.NDArray[np.float64]

DIGITS = 7  # significant ones of a kept score; float32, which scores are made of, has no more


def conformal_p_values(scores: npt.ArrayLike, calibration: npt.ArrayLike, *, two_sided: bool = False) -> Float64:
    """(1 + how many of the calibration scores are at least as high) / (1 + how many there are): as `scores`' shape.

    Where the calibration images and a new one are drawn alike, p <= a comes about with probability at most a, whatever
    the score: an alarm at p <= a has the false-alarm rate a. No p is below 1 / (1 + the number of calibration scores).
    two_sided: twice the smaller of this and the same for scores at most as high, at most 1; for strangers that a
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
