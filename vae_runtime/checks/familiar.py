"""Do pictures score as those that a model was trained on? All that can be known of it on a device without those.

An export notes the quartiles of their scores and of held-out ones. Where a model has learnt pictures by heart these lie
apart, and only there does it matter which pictures calibrate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

KEY = "elbo_score_quartiles"  # of a manifest's training
FEWEST = 5  # pictures
APART = 0.25  # of the distance between held-out quartiles: medians nearer than this are one
SURE = 3.0  # standard errors of a median
QUARTILES_APART = 1.349  # standard deviations, of a normal law
ERROR_OF_MEDIAN = 1.253  # standard deviations over the root of the count, of a normal law


def quartiles(scores: npt.ArrayLike) -> list[float]:
    """The three of them, nats, rounded."""
    return [round(float(value), 3) for value in np.quantile(np.asarray(scores, np.float64), [0.25, 0.5, 0.75])]


def familiar(training: Mapping[str, Any], scores: Sequence[float]) -> str | None:
    """A sentence if these scores by `elbo` are as low as of what the model was trained on; None else, or if unknown.

    Only a hint: other normal pictures may be easier than those that were held out.
    """
    known = training.get(KEY)
    low, high = (_three(known.get(name)) if isinstance(known, Mapping) else None for name in ("trained_on", "held_out"))
    if low is None or high is None or len(scores) < FEWEST:
        return None
    median, spread = float(np.median(scores)), high[2] - high[0]
    error = ERROR_OF_MEDIAN * spread / QUARTILES_APART / math.sqrt(len(scores))
    if high[1] - low[1] < APART * spread or median > (low[1] + high[1]) / 2 or high[1] - median < SURE * error:
        return None
    return (
        f"warning: these pictures score as those that the model was trained on did (median {median:.1f} nats; those "
        f"{low[1]:.1f}, new ones {high[1]:.1f}). If they are, new normal pictures will be called anomalous more often "
        "than the rate says: calibrate with pictures that it has not seen."
    )


def _three(figures: Any) -> tuple[float, float, float] | None:
    """Rising finite numbers, or nothing: figures of a manifest are not to be relied on."""
    if not (isinstance(figures, list) and len(figures) == 3 and all(type(value) in (int, float) for value in figures)):
        return None
    low, middle, high = map(float, figures)
    return (low, middle, high) if low <= middle <= high else None
