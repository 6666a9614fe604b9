"""A run measured from its folder: what `vae evaluate` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_runtime import from_uint8
from vae_runtime.files import write_file
from vae_runtime.progress import LOG_SECONDS, ProgressLine

from ..checkpoint import load_model
from ..data.sources import load
from ..devices import choose_device
from .bounds import BoundsEngine, RuntimeEngine, TorchEngine
from .evaluate import evaluate


def evaluate_run(
    run: Path,
    *,
    draws: Sequence[int] = (),
    images: int | None = None,
    graphs: Path | None = None,
    directory: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """The figures of a run on its test set; of all images they are left in RUN/evaluation.json too.

    draws: of the bounds; none: those of the likelihood. images: only the first ones. graphs: a model folder that
    measures the bounds, in the place of torch; one of another run is an InputError. directory: where the data lie.
    """
    torch_device = choose_device(device, threads)
    model, config = load_model(run, torch_device)
    dataset = load(config, run, directory=directory)
    engine: BoundsEngine = TorchEngine(model, torch_device)
    if graphs:
        engine = RuntimeEngine(graphs, threads)
        engine.require_export_of(model, from_uint8(dataset.test_images[:8]))
    line = ProgressLine(log_seconds=LOG_SECONDS)
    figures = evaluate(
        model,
        config,
        dataset,
        torch_device,
        draws=draws or model.likelihood.draws,
        images=images,
        engine=engine,
        kept_in=run / "bounds.npz",
        progress=line.show,
    )
    line.clear()
    if images is None:
        write_file(run / "evaluation.json", to_json(figures).encode())
    return figures


def to_json(figures: dict[str, Any]) -> str:
    """Figures as indented JSON."""
    return json.dumps(figures, indent=2, allow_nan=False) + "\n"
