"""The figures of a run's epochs: metrics.jsonl and .csv in its folder, and TensorBoard where it is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

from vae_runtime.files import write_file


class Metrics:
    """One JSON object an epoch in metrics.jsonl, the same as metrics.csv, and to TensorBoard where it is installed."""

    def __init__(self, folder: Path, *, epochs_done: int) -> None:
        """Continue the file of a run: lines of epochs after `epochs_done` belong to work that a resume repeats."""
        self._path, self._table = folder / "metrics.jsonl", folder / "metrics.csv"
        self._rows = [row for row in read_metrics(folder) if row["epoch"] <= epochs_done]
        self._path.write_text("".join(json.dumps(row) + "\n" for row in self._rows), encoding="utf-8")
        self._tensorboard: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(folder / "tensorboard"), purge_step=epochs_done + 1)

    def write(self, row: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self._rows.append(row)
        self._write_table()
        if self._tensorboard:
            for name, number in row.items():
                self._tensorboard.add_scalar(name, number, row["epoch"])
            self._tensorboard.flush()

    def _write_table(self) -> None:
        """The whole table: a later row may have a column that the first ones lack."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        text = io.StringIO()
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_file(self._table, text.getvalue().encode())


def epochs_run(folder: Path, planned: int) -> int:
    """How many epochs a run has had; of a folder without metrics, as an artifact's is, as many as were planned."""
    rows = read_metrics(folder)
    return int(rows[-1]["epoch"]) if rows else planned


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl; a last line that a crash tore is left out."""
    path = folder / "metrics.jsonl"
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
