"""What to say of a run that has ended: how it does on held-out pictures, and what to do if it does badly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ..config import Config
from ..data.datasets import Dataset
from ..metrics import read_metrics
from ..models.likelihood import likelihood_of
from .trivial import mean_picture_bound

FEWEST_ROWS = 10  # epochs that a curve can be told from
TURNED = 0.75  # of the epochs: a held-out curve that is best before has turned
RISEN = 0.01  # share of its fall that a curve must rise again by


def verdict(run: Path, config: Config, dataset: Dataset) -> list[str]:
    """Sentences about a run, of its metrics; warnings begin with "warning:". Empty where nothing was held out."""
    rows = [row for row in read_metrics(run) if "validation_bound" in row]
    if not rows:
        return []
    held_out = dataset.train_images[len(dataset.train_images) - config.validation_images :]
    trivial = mean_picture_bound(config, dataset, held_out)
    rows = [row for row in rows if row["draws"] == rows[-1]["draws"]]
    best = max(rows, key=lambda row: row["validation_bound"])
    unit, numbers = likelihood_of(config).unit, math.prod(config.image_shape)
    reached = unit.text(best["validation_bound"], numbers, named=True)
    trained, mean_picture = unit.text(best["elbo"], numbers), unit.text(trivial, numbers)
    return [
        f"Held out: {reached} at epoch {best['epoch']}, whose weights are kept; trained on: {trained}; the mean "
        f"picture alone: {mean_picture}.",
        *_worse_than_trivial(run, config, best["validation_bound"], trivial),
        *_turned(config, rows, best),
    ]


def _worse_than_trivial(run: Path, config: Config, bound: float, trivial: float) -> list[str]:
    unit, numbers = likelihood_of(config).unit, math.prod(config.image_shape)
    takes_more_than_bytes = unit.raw_bytes is not None and unit.cost(bound, numbers) > unit.raw_bytes
    if bound > trivial and not takes_more_than_bytes:
        return []
    what = "the mean picture alone" if bound <= trivial else f"{unit.raw_bytes:g} bits, the raw bytes"
    return [
        f"warning: the model is worse than {what}. Train longer (--minutes), or with a lower --learning-rate, and "
        f"look at the pictures in {run / 'pictures'}."
    ]


def _turned(config: Config, rows: list[dict[str, Any]], best: dict[str, Any]) -> list[str]:
    first, last, highest = (row["validation_bound"] for row in (rows[0], rows[-1], best))
    turned_early = len(rows) >= FEWEST_ROWS and best["epoch"] < TURNED * rows[-1]["epoch"]
    if not turned_early or highest - last <= RISEN * (highest - first):
        return []
    mirror = "" if "flip" in config.augment else "--augment flip (where a mirrored picture is as normal), "
    return [
        f"warning: the held-out curve turned at epoch {best['epoch']} of {rows[-1]['epoch']}: from there on the "
        "model learnt its training pictures by heart. More pictures help most; else "
        f"{mirror}a smaller --latent-size, or narrower --widths."
    ]
