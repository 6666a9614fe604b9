"""What to say of a run that has ended: how it does on held-out pictures, and what to do if it does badly."""

from __future__ import annotations

from pathlib import Path

from ..config import Config
from ..data.datasets import Dataset
from ..progress import read_metrics
from ..units import bound_in_bits, bound_in_units
from .trivial import RAW_BYTES, mean_picture_bound

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
    found = best["validation_bound"]
    said = [
        f"Held out: {bound_in_units(config, found, unit=True)} at epoch {best['epoch']}, whose weights are kept; "
        f"trained on: {bound_in_units(config, best['elbo'])}; the mean picture alone: "
        f"{bound_in_units(config, trivial)}."
    ]
    is_worse_than_bytes = config.likelihood == "gaussian" and bound_in_bits(config, found) > RAW_BYTES
    if found <= trivial or is_worse_than_bytes:
        what = "the mean picture alone" if found <= trivial else "8 bits, the raw bytes"
        said.append(
            f"warning: the model is worse than {what}. Train longer (--minutes), or with a lower --learning-rate, and "
            f"look at the pictures in {run / 'pictures'}."
        )
    fall = found - rows[0]["validation_bound"]
    mirror = "" if "flip" in config.augment else "--augment flip (where a mirrored picture is as normal), "
    if (
        len(rows) >= FEWEST_ROWS
        and best["epoch"] < TURNED * rows[-1]["epoch"]
        and found - rows[-1]["validation_bound"] > RISEN * fall
    ):
        said.append(
            f"warning: the held-out curve turned at epoch {best['epoch']} of {rows[-1]['epoch']}: from there on the "
            "model learnt its training pictures by heart. More pictures help most; else "
            f"{mirror}a smaller --latent-size, or narrower --widths."
        )
    return said
