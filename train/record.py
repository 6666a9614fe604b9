"""What a run leaves in its folder while it runs: config, metrics, pictures, checkpoints; and says on stderr."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from vae_runtime.files import sweep, write_file

from . import checkpoint as checkpoints
from .checkpoint import Checkpoint
from .data import Dataset
from .progress import Metrics, ProgressLine, clock, say
from .snapshots import write_snapshot
from .trainer import Trainer, to_float

SAVE_SECONDS = 300.0  # a checkpoint at least this often, besides each end of an epoch
FIRST_SNAPSHOT_SECONDS = 20.0


class Record:
    """Follows one trainer; of several processes only the first keeps one."""

    def __init__(self, folder: Path, trainer: Trainer, dataset: Dataset) -> None:
        self._folder, self._trainer = folder, trainer
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        write_file(folder / "config.json", trainer.config.to_json().encode())
        self._metrics, self._line = Metrics(folder, epochs_done=trainer.epoch), ProgressLine()
        self._originals = to_float(torch.from_numpy(dataset.test_images[:10]).to(trainer.device))
        self._started_at = self._saved_at = self._epoch_at = time.monotonic()
        self._started_step = self._epoch_step = trainer.step

    def after_step(self, figures: dict[str, Any] | None, *, stop: bool) -> None:
        """Note a step: at the end of an epoch with its `figures`, before a `stop` with a checkpoint."""
        now = time.monotonic()
        if figures:
            self._end_epoch(figures, now)
        elif not (self._folder / "pictures").exists() and now - self._started_at > FIRST_SNAPSHOT_SECONDS:
            self._snapshot("first.png")
        else:
            self._line.show(self._progress(now))
        if figures or stop or now - self._saved_at > SAVE_SECONDS:
            self._trainer.require_finite()
            checkpoints.save_last(self._folder, self._trainer.checkpoint())
            self._saved_at = time.monotonic()
        if stop:
            self._line.clear()
            say(
                f"Stopped at step {self._trainer.step}; nothing is lost. Go on with: "
                f"python -m train fit --resume {self._folder}"
            )

    def _end_epoch(self, figures: dict[str, Any], now: float) -> None:
        trainer, seconds = self._trainer, now - self._epoch_at
        images = (trainer.step - self._epoch_step) * trainer.config.batch_size
        row = figures | {"images_per_second": round(images / seconds, 1), "seconds": round(seconds, 2)}
        self._metrics.write(row)
        self._line.clear()
        say(self._summary(row, now))
        # A bound of more draws is higher for the same weights: only bounds of the same number compare.
        best = row["draws"], row.get("validation_bound", row["bound"])
        if best[0] != trainer.best_draws or best[1] > trainer.best_bound:
            trainer.best_draws, trainer.best_bound = best
            weights = Checkpoint(dict(trainer.averaged_model.state_dict()), {"epoch": row["epoch"]})
            checkpoints.save(self._folder / checkpoints.BEST, weights)
        self._snapshot(f"epoch-{trainer.epoch:03d}.png")
        self._epoch_at, self._epoch_step = time.monotonic(), trainer.step

    def _snapshot(self, name: str) -> None:
        (self._folder / "pictures").mkdir(exist_ok=True)
        model, latent_size = self._trainer.averaged_model, self._trainer.config.latent_size
        write_snapshot(self._folder / "pictures" / name, model, self._originals, latent_size)

    def _remaining(self, now: float) -> tuple[float, str]:
        """Steps a second, and the time to the end."""
        trainer = self._trainer
        speed = (trainer.step - self._started_step) / (now - self._started_at)
        return speed, clock((trainer.total_steps - trainer.step) / speed)

    def _progress(self, now: float) -> str:
        trainer, (speed, left) = self._trainer, self._remaining(now)
        return (
            f"epoch {trainer.epoch + 1}/{trainer.config.epochs}  step {trainer.step}/{trainer.total_steps}  "
            f"{speed * trainer.config.batch_size:,.0f} images/s  {left} left"
        )

    def _summary(self, row: dict[str, Any], now: float) -> str:
        weighted = f"  importance-weighted {-row['bound']:.2f}" if row["draws"] > 1 else ""
        held_out = f"  validation {-row['validation_bound']:.2f}" if "validation_bound" in row else ""
        return (
            f"epoch {row['epoch']}/{self._trainer.config.epochs}  -ELBO {-row['elbo']:.2f} nats = "
            f"{-row['log_likelihood']:.2f} + KL {row['kl']:.2f}{weighted}{held_out}  "
            f"{row['images_per_second']:,.0f} images/s  {self._remaining(now)[1]} left"
        )
