"""A detector beside a run: its trainer on the loop, with a progress line and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vae_runtime.console import say
from vae_runtime.errors import InputError
from vae_runtime.files import sweep
from vae_runtime.progress import LOG_SECONDS, ProgressLine, hours

from .. import checkpoint as checkpoints
from ..checkpoint import read_config
from ..data.datasets import Dataset
from ..data.sources import load
from ..devices import choose_device
from ..fit.division import Division
from ..fit.loop import train
from .files import FILE, UNFINISHED, Detection, fields_of, is_finished
from .network import DetectorConfig, default_reduction
from .trainer import DetectorTrainer, drawn_faults_auc

SAVE_SECONDS = 60.0


def train_beside(
    run: Path,
    changes: Mapping[str, Any],
    *,
    directory: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    replace: bool = False,
    signals: list[int] | None = None,
) -> float | None:
    """Train a detector on the pictures of a run; returns how well it tells drawn faults, an AUROC, or None if stopped.

    changes: fields of `DetectorConfig`. directory: where the pictures lie, if not where the run noted. replace: train
    another one where there is one; else that is an InputError.
    """
    config = read_config(run)
    if is_finished(run) and not replace:
        raise InputError(f"{run} has a detector already; --replace trains another one in its place.")
    chosen = DetectorConfig(**{"reduce": default_reduction(config.image_shape), **changes})
    torch_device = choose_device(device, threads)
    dataset = load(config, run, directory=directory)
    figures = fit_detector(run, chosen, dataset, config.augment, torch_device, signals=signals)
    return figures["detector_drawn_faults_auc"] if figures else None


def fit_detector(
    run: Path,
    config: DetectorConfig,
    dataset: Dataset,
    augmentations: tuple[str, ...],
    device: torch.device,
    *,
    signals: list[int] | None = None,
) -> dict[str, float] | None:
    """Train a detector and leave it in the run's folder; returns its figures, or None after a signal.

    signals: takes those that came. An unfinished one of the same config is gone on with, exactly.
    """
    trainer = DetectorTrainer(config, dataset, augmentations, device)
    unfinished = run / UNFINISHED
    sweep(run, (FILE, UNFINISHED))
    if unfinished.exists():
        _go_on(trainer, unfinished)
    if not train(trainer, _Watch(trainer, unfinished), signals):
        return None
    figures = {"detector_drawn_faults_auc": drawn_faults_auc(trainer.detector, dataset.test_images)}
    Detection(trainer.detector, config, figures).save(run)
    unfinished.unlink(missing_ok=True)
    return figures


def _go_on(trainer: DetectorTrainer, unfinished: Path) -> None:
    """Restore a checkpoint, if it is of the same config, and say what is not as it was then."""
    saved = checkpoints.read(unfinished)
    division = saved.state.pop("division", {})
    if saved.state != {"step": saved.state["step"], **fields_of(trainer.config)}:
        return
    trainer.restore(saved)
    say(f"Resuming at step {trainer.step} of {trainer.config.steps}.")
    if changed := Division.here(trainer.device).since(division):
        say(changed)


class _Watch:
    """Shows how far the training is, and saves it now and then."""

    def __init__(self, trainer: DetectorTrainer, unfinished: Path) -> None:
        self._trainer, self._unfinished, self._line = trainer, unfinished, ProgressLine(log_seconds=LOG_SECONDS)
        self._begun_at = self._saved_at = time.monotonic()
        self._first = trainer.step

    def before_step(self) -> None:
        pass

    def after_step(self, *, stop: bool) -> None:
        trainer, now = self._trainer, time.monotonic()
        left = (trainer.config.steps - trainer.step) * (now - self._begun_at) / (trainer.step - self._first)
        self._line.show(f"step {trainer.step}/{trainer.config.steps}  loss {trainer.loss:.4f}  {hours(left)} left")
        if stop or now - self._saved_at > SAVE_SECONDS:
            checkpoints.save(self._unfinished, trainer.checkpoint())
            self._saved_at = now
        if stop:
            self._line.clear()
            say(f"Stopped at step {trainer.step}; nothing is lost. The same command goes on.")

    def end(self) -> None:
        self._line.clear()
