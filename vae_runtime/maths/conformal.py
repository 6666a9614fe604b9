"""From scores to probabilities: the conformal p-value, valid for any score.

Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for outliers Bates et al. 2023, "Testing for
outliers with conformal p-values".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def conformal_p_values(scores: npt.ArrayLike, calibration: npt.ArrayLike) -> Float64:
    """(1 + how many of the calibration scores are at least as high) / (1 + how many there are): as `scores`' shape.

    Where the calibration images and a new one are drawn alike, p <= a comes about with probability at most a, whatever
    the score: an alarm at p <= a has the false-alarm rate a. No p is below 1 / (1 + the number of calibration scores).
    """
    known = np.sort(np.asarray(calibration, np.float64))
    below = np.searchsorted(known, np.asarray(scores, np.float64), side="left")
    return np.asarray((1 + len(known) - below) / (1 + len(known)))
