"""The calibration of a manifest, kept small enough for the manifest to be read back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ..errors import InputError
from ..maths.conformal import rounded_outwards, thinned
from ..model.manifest import CALIBRATION_LIMIT, LIMIT_BYTES, Manifest

Calibration = Mapping[str, tuple[float, ...]]

# Half of what a manifest may have and more: 50,000 numbers, 10,000 of each of the five methods that a model can have.
_BYTES, _BYTES_OF_ALL = 16, 800_000  # of a number and a comma at most; of all numbers at most
_BYTES_OF_OTHERS = 2**16  # that may yet come into the manifest: a card, int8 graphs, figures


def most_scores(manifest: Manifest, methods: int) -> int:
    """How many scores of each method a manifest has room for where it is calibrated for so many methods."""
    others = len(dataclasses.replace(manifest, calibration={}).to_json().encode())
    free = min(_BYTES_OF_ALL, LIMIT_BYTES - _BYTES_OF_OTHERS - others)
    return max(1, min(CALIBRATION_LIMIT, free // _BYTES // max(1, methods)))


def calibrated(manifest: Manifest, scores: Mapping[str, Sequence[float]]) -> Manifest:
    """The manifest with these sorted scores beside or in the place of its own; all rounded, and thinned if many."""
    calibration = {**manifest.calibration, **scores}
    for method, new in scores.items():
        if not all(abs(score) < 1e300 for score in new):  # nor is NaN
            raise InputError(f"a score of the method {method!r} is not finite, and no calibration.")
    most = most_scores(manifest, len(calibration))
    kept = {method: rounded_outwards(thinned(every, most)) for method, every in calibration.items()}
    return dataclasses.replace(manifest, calibration=kept)


def thinning(before: Mapping[str, Sequence[float]], after: Calibration) -> str:
    """A sentence on the methods of which not all scores were kept; "" where all were."""
    fewer = [method for method, scores in before.items() if len(after[method]) < len(scores)]
    if not fewer:
        return ""
    least = min(len(after[method]) for method in fewer)
    counts = ", ".join(f"{len(after[method]):,} of {len(before[method]):,} ({method})" for method in fewer)
    return (
        f"The manifest has no room for all scores and keeps {counts}; no p-value below 1/2 became smaller, and the "
        f"smallest is 1 / {least + 1:,}."
    )
