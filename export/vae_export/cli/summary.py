"""What an export has found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..checks.anomalies import table, warnings
from ..checks.calibration import told
from ..checks.parity import largest
from ..draft import Exported


def summary(exported: Exported, *, calibrate: Path | None, checked: bool, foreign: bool = False) -> Iterator[str]:
    """Lines for people, those that warn with "warning" before them.

    calibrate: the folder of normal pictures; checked: whether those that the model was trained on were left out;
    foreign: whether others trained it, so that there are no data whose anomalies could be measured.
    """
    errors = (f"{name} {item.ours:.1e} ({item.torchs:.1e})" for name, item in largest(exported.parity).items())
    against = "Largest errors against float64, as shares of the size (torch's float32 in brackets)"
    yield f"{against}: {', '.join(errors)}."
    for precision, bits in exported.bits.items():
        yield f"Bits of {precision} results on this machine: {bits}."
    if calibrate and exported.calibrated:
        yield from told(exported.calibrated, calibrate, checked=checked)
    if exported.anomalies:
        yield from table(exported.anomalies)
        yield from warnings(exported.anomalies)
    elif not foreign:
        yield "Which anomalies it tells was not measured: the data are not at hand; give them as --data-dir."
    yield from filter(None, (exported.thinning, exported.dropped))
