"""What a run leaves in its folder while it runs: config, metrics, pictures, checkpoints; and says on stderr."""

from __future__ import annotations

import math
import shlex
import time
from pathlib import Path
from typing import Any

import torch

from vae_runtime.console import say
from vae_runtime.files import sweep, write_file
from vae_runtime.progress import LOG_SECONDS, ProgressLine, hours

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint
from ..data.datasets import Dataset
from ..data.pixels import to_float
from ..metrics import Metrics
from ..models.likelihood import likelihood_of
from .pace import Pace
from .snapshots import write_snapshot
from .state import checkpoint
from .trainer import Trainer

SAVE_SECONDS = 300.0  # a checkpoint at least this often, besides each end of an epoch
FIRST_SNAPSHOT_SECONDS = 20.0


class Record:
    """Follows one trainer; of several processes only the first keeps one."""

    def __init__(self, folder: Path, trainer: Trainer, dataset: Dataset, pace: Pace) -> None:
        self._folder, self._trainer, self._pace = folder, trainer, pace
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, checkpoints.FILES)
        self._save_config()
        self._metrics, self._line = Metrics(folder, epochs_done=trainer.epoch), ProgressLine(log_seconds=LOG_SECONDS)
        self._originals = to_float(torch.from_numpy(dataset.test_images[:10]).to(trainer.device))
        self._started_at = self._saved_at = self._epoch_at = time.monotonic()
        self._epoch_step = trainer.step

    def begin(self, *, resumed: bool) -> None:
        """Say how long it will take."""
        trainer = self._trainer
        if resumed:
            say(f"Resuming at step {trainer.step} of {trainer.total_steps}.")
        turns = trainer.total_steps * trainer.config.batch_size / len(trainer.batches.images)
        say(
            f"{trainer.config.epochs} epochs of {trainer.steps_per_epoch:,} steps see each image {turns:.0f} times; "
            f"about {self._time_left()}. Ctrl-C saves."
        )

    def after_step(self, figures: dict[str, Any] | None, *, stop: bool) -> None:
        """Note a step: at the end of an epoch with its `figures`, before a `stop` with a checkpoint."""
        now = time.monotonic()
        if figures:
            self._end_epoch(figures, now)
        elif not (self._folder / "pictures").exists() and now - self._started_at > FIRST_SNAPSHOT_SECONDS:
            self._snapshot("first.png")
        else:
            self._line.show(self._progress())
        if figures or stop or now - self._saved_at > SAVE_SECONDS:
            self._trainer.require_finite()
            checkpoints.save_last(self._folder, checkpoint(self._trainer))
            self._save_config()
            self._saved_at = now
        if stop:
            self._line.clear()
            say(
                f"Stopped at step {self._trainer.step}; nothing is lost. Go on with: "
                f"vae fit --resume {shlex.quote(str(self._folder))}"
            )

    def end(self) -> None:
        """Say why the run ended, if it was before its time."""
        self._line.clear()
        self._save_config()
        trainer = self._trainer
        if trainer.gave_up:
            say(
                f"Ended at epoch {trainer.epoch} of {trainer.config.epochs}: the held-out bound has not risen since "
                f"epoch {trainer.best.epoch}, whose weights are kept. To go on all the same: "
                f"vae fit --resume {shlex.quote(str(self._folder))} --patience 0"
            )

    def _end_epoch(self, figures: dict[str, Any], now: float) -> None:
        trainer, seconds = self._trainer, now - self._epoch_at
        images = (trainer.step - self._epoch_step) * trainer.config.batch_size
        row = figures | {"images_per_second": round(images / seconds, 1), "seconds": round(seconds, 2)}
        self._metrics.write(row)
        is_best = trainer.best.epoch == trainer.epoch
        self._line.clear()
        say(self._summary(row, is_best=is_best))
        if is_best:
            weights = Checkpoint(trainer.best_weights(figures), {"epoch": row["epoch"]})
            checkpoints.save(self._folder / checkpoints.BEST, weights)
        self._snapshot(f"epoch-{trainer.epoch:03d}.png")
        self._epoch_at, self._epoch_step = time.monotonic(), trainer.step

    def _save_config(self) -> None:
        write_file(self._folder / "config.json", self._trainer.config.to_json().encode())

    def _snapshot(self, name: str) -> None:
        (self._folder / "pictures").mkdir(exist_ok=True)
        model, latent_size = self._trainer.averaged_model, self._trainer.config.latent_size
        write_snapshot(self._folder / "pictures" / name, model, self._originals, latent_size)

    def _time_left(self) -> str:
        trainer = self._trainer
        epochs = trainer.config.epochs - trainer.epoch
        return f"{hours(self._pace.remaining(trainer.steps_left(), epochs))} left"

    def _progress(self) -> str:
        trainer, now = self._trainer, time.monotonic()
        images = (trainer.step - self._epoch_step) * trainer.config.batch_size
        return (
            f"epoch {trainer.epoch + 1}/{trainer.config.epochs}  step {trainer.step}/{trainer.total_steps}  "
            f"{images / max(now - self._epoch_at, 1e-9):,.0f} images/s  {self._time_left()}"
        )

    def _summary(self, row: dict[str, Any], *, is_best: bool) -> str:
        config = self._trainer.config
        unit, numbers = likelihood_of(config).unit, math.prod(config.image_shape)
        weighted = f"  importance-weighted {unit.text(row['bound'], numbers)}" if row["draws"] > 1 else ""
        held_out = ""
        if "validation_bound" in row:
            held_out = f"  held out {unit.text(row['validation_bound'], numbers)}{', best' * is_best}"
        return (
            f"epoch {row['epoch']}/{config.epochs}  -ELBO {unit.text(row['elbo'], numbers, named=True)}"
            f"{unit.terms(row['log_likelihood'], row['kl'])}{weighted}{held_out}  "
            f"{row['images_per_second']:,.0f} images/s  {self._time_left()}"
        )
