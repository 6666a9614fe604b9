"""Rows of scores on standard output, with what each says where a false-alarm rate was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..console import show
from ..errors import InputError
from .rows import print_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..model.scores import Place
    from ..vae import VAE

    Scores = Iterable[tuple[list[str], npt.NDArray[np.float64]]]

Row = list[Any]  # path, score, and with an alarm p-value and verdict
VERDICT_COLUMNS = ("p_value", "anomalous")


class Alarm(NamedTuple):
    """When a score is one: at which rate, by the calibration of which method."""

    vae: VAE
    method: str  # of `VAE.p_value`
    rate: float
    two_sided: bool

    @classmethod
    def of(cls, vae: VAE, method: str, rate: float, two_sided: bool, place: Place) -> Alarm:
        """The same, or an InputError where the model is not calibrated for it."""
        require_calibration(vae, method, rate, place, two_sided=two_sided)
        return cls(vae, method, rate, two_sided)

    def add_verdicts(self, rows: list[Row], scores: npt.NDArray[np.float64]) -> int:
        """Add p-value and verdict to each row; returns how many are anomalous."""
        from ..maths.conformal import is_anomalous

        p_values = self.vae.p_value(scores, method=self.method, two_sided=self.two_sided)
        verdicts = is_anomalous(p_values, self.rate)
        for row, p_value, verdict in zip(rows, p_values.tolist(), verdicts.tolist(), strict=True):
            row += [p_value, verdict]
        return int(verdicts.sum())


def write_scores(scores: Scores, form: str, alarm: Alarm | None, *, unit: str = "nats") -> int:
    """Print paths and scores as they come, as "table", "jsonl" or "csv"; returns how many are anomalous."""
    column = f"score_{unit.replace(' ', '_')}"
    columns, anomalous, first = ("path", column, *(VERDICT_COLUMNS if alarm else ())), 0, True
    for paths, part in scores:
        rows: list[Row] = [[path, nats] for path, nats in zip(paths, part.tolist(), strict=True)]
        if alarm:
            anomalous += alarm.add_verdicts(rows, part)
        if form == "table":
            for line in _table(rows, column, first=first):
                show(line)
        else:
            print_rows(columns, rows, form, first=first)
        first = False
    return anomalous


def require_calibration(vae: VAE, method: str, rate: float, place: Place, *, two_sided: bool) -> None:
    """Refuse a rate that the model has too few scores for, and say what gives it more."""
    from ..checks.thinning import most_scores
    from ..maths.conformal import fewest_scores
    from ..model.scores import calibrate_command, calibration

    known, fewest = len(calibration(vae.manifest, method, place)), fewest_scores(rate, two_sided=two_sided)
    if known >= fewest:
        return
    most = most_scores(vae.manifest, len(vae.manifest.calibration))
    needs = f"a false-alarm rate of {rate:g}{', two-sided,' * two_sided} needs {fewest:,} calibration pictures or more"
    if fewest > most:
        raise InputError(
            f"{needs}, and this model has room for the scores of {most:,}; the smallest rate that it can have is "
            f"{(1 + two_sided) / (most + 1):.2g}. It was calibrated with {known:,}."
        )
    command = calibrate_command(place, tiled=method.endswith("_tiled"))
    raise InputError(f"{needs}; the model has the scores of {known:,}. Give it more: {command}")


def _table(rows: list[Row], column: str, *, first: bool) -> list[str]:
    width, with_verdicts = max(12, len(column)), len(rows[0]) > 2
    lines = [f"{column:>{width}}{'   p_value  verdict  ' if with_verdicts else ''}  path"] if first else []
    for path, nats, *verdict in rows:
        middle = f"  {verdict[0]:8.4f}  {'ANOMALOUS' if verdict[1] else '         '}" if verdict else ""
        lines.append(f"{nats:{width}.3f}{middle}  {path}")
    return lines
