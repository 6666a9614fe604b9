"""A model in torch becomes a model folder: the steps of an export, in their order."""

from __future__ import annotations

from pathlib import Path

from vae_train.data.datasets import Dataset

from .draft import Exported, ExportRequest, FindRecipe
from .publishing import publish, require_place
from .steps import (
    add_card,
    add_golden_vectors,
    add_graphs,
    add_int8,
    ask_for_anomalies,
    begin,
    calibrate_scores,
    compare_with_torch,
    verify_all,
)

STEPS = (
    add_graphs,
    require_place,  # the model's id is known now, and nothing long is done yet
    add_golden_vectors,
    compare_with_torch,
    calibrate_scores,
    ask_for_anomalies,
    add_int8,
    add_card,
    verify_all,
    publish,
)


def export(
    run: Path,
    folder: Path,
    *,
    license: str = "Apache-2.0",
    int8: FindRecipe | None = None,
    calibrate: Path | None = None,
    dataset: Dataset | None = None,
    replace: bool = False,
) -> Exported:
    """Export a run, or an artifact's checkpoint folder, to a model folder; returns how it compares with torch.

    calibrate: a folder of normal pictures, whose scores tell how rare a score is. Nothing is left at `folder` unless
    every check passed. int8: finds how to quantise; without it, or where it finds no way, a checkpoint that carries a
    recipe is quantised by that. dataset: what the run was trained on, where it is at hand: its pictures are left out of
    the calibration, and its test images tell which anomalies the scores see. replace: the model may take the place of
    another one.
    """
    return carry_out(ExportRequest(run, folder, license, int8, calibrate, dataset, replace))


def carry_out(request: ExportRequest) -> Exported:
    """Take every step of an export, of a run or of a model that somebody else trained."""
    draft = begin(request)
    for step in STEPS:
        draft = step(draft)
    return draft.exported
