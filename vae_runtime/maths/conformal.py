"""From scores to probabilities: the conformal p-value, valid for any score.

Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for outliers Bates et al. 2023, "Testing for
outliers with conformal p-values".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..coerce import as_array

Float64 = npt.NDArray[np.float64]


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
