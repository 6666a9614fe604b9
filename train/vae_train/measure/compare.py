"""Evaluated runs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_runtime.errors import InputError
from vae_runtime.printable import printable

from ..checkpoint import read_config
from ..metrics import epochs_run

# Key in evaluation.json, label, format.
_ROWS = (
    ("parameters", "parameters", "{:,}"),
    ("epochs", "epochs", "{}"),
    ("prior", "prior", "{}"),
    ("targets", "targets", "{}"),
    ("test_images", "test images", "{:,}"),
    ("engine", "bounds by", "{}"),
    ("elbo_nats", "ELBO", "{:.2f}"),
    ("log_likelihood_nats", "  log-likelihood", "{:.2f}"),
    ("kl_nats", "  KL", "{:.2f}"),
    ("nll_nats", "NLL", "{:.2f}"),
    ("nll_draws", "  of draws", "{:,}"),
    ("nll_bits_per_dim", "NLL, bits a dimension", "{:.4f}"),
    ("mean_picture_bits_per_dim", "  of the mean picture alone", "{:.4f}"),
    ("png_bits_per_dim", "  of PNG files", "{:.4f}"),
    ("webp_bits_per_dim", "  of lossless WebP files", "{:.4f}"),
    ("elbo_grey_nats", "ELBO, grey images", "{:.2f}"),
    ("reconstruction_rmse_grey", "RMSE, grey images", "{:.4f}"),
    ("active_units", "active units", "{}"),
    ("aggregate_posterior_auc", "q(z) told from p(z), AUC", "{:.3f}"),
    ("sample_frechet_distance", "Frechet distance of samples", "{:.2f}"),
    ("sample_frechet_distance_of_training_images", "  of training images", "{:.2f}"),
    ("sample_unclear_share", "unclear samples", "{:.1%}"),
    ("sample_unclear_share_of_test_images", "  unclear test images", "{:.1%}"),
    ("sample_class_kl_nats", "KL of sampled classes", "{:.4f}"),
    ("label_accuracy", "labels of test images", "{:.1%}"),
    ("sample_label_agreement", "samples of a label that show it", "{:.1%}"),
    ("probe_100", "linear probe, 100 labels", "{:.1%}"),
    ("probe_1000", "  1000 labels", "{:.1%}"),
    ("probe_all", "  all labels", "{:.1%}"),
)


def figures(run: Path) -> dict[str, Any]:
    """What `evaluate` wrote of a run, with what its config says."""
    path = run / "evaluation.json"
    if not path.is_file():
        raise InputError(f"{run} has no evaluation.json yet; run: vae evaluate {run}")
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); run: vae evaluate {run}") from error
    config = read_config(run)
    return {"preset": config.preset, "epochs": epochs_run(run, config.epochs), "prior": config.prior, **measured}


def to_json(runs: Sequence[Path]) -> str:
    """An object of all figures by run."""
    return json.dumps({str(run): _flat(figures(run)) for run in runs}, indent=2)


def table(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Figures by run: one column a run, one line a figure; what was not measured is a dash, with its reason at the end.

    Nats an image, bits a dimension (`bits_per_dim`).
    """
    columns = [_flat(figures) for figures in runs.values()]
    draws = sorted({int(count) for column in columns for count in column.get("nll_nats_by_draws", {})})
    lines = [["", *runs]]
    for key, label, form in _ROWS:
        if any(key in column for column in columns):
            lines.append([label, *(form.format(column[key]) if key in column else "-" for column in columns)])
        if key == "nll_draws":
            for count in draws:
                cells = [column.get("nll_nats_by_draws", {}).get(str(count)) for column in columns]
                shown = ["-" if cell is None else f"{cell:.2f}" for cell in cells]
                lines.append([f"  NLL, K={count}", *shown])
    lines = [[printable(cell) for cell in line] for line in lines]
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    shown = [
        line[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    reasons = {name: reason for figures in runs.values() for name, reason in figures.get("not_measured", {}).items()}
    return "\n".join(
        [*shown, *(printable(f"Not measured: {_label(name)}: {reason}.") for name, reason in reasons.items())]
    )


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    probes = {f"probe_{labels}": accuracy for labels, accuracy in figures.get("linear_probe_accuracy", {}).items()}
    return {**figures, **probes}


def _label(key: str) -> str:
    return next((label.strip() for name, label, _ in _ROWS if name == key), key.replace("_", " "))
