"""The training loop around the trainer's steps: epochs, metrics, pictures, checkpoints, signals."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from vae_runtime.files import write_file

from . import checkpoint as checkpoints
from .checkpoint import Checkpoint
from .config import Config
from .data import Dataset
from .progress import Metrics, ProgressLine, clock, say
from .schedule import kl_weight
from .snapshots import write_snapshot
from .trainer import Trainer, to_float

SAVE_SECONDS = 300.0  # a checkpoint at least this often, besides each end of an epoch
FIRST_SNAPSHOT_SECONDS = 20.0


def fit(config: Config, folder: Path, dataset: Dataset, device: torch.device, *, resume: bool = False) -> bool:
    """Train to the end, or to a signal; returns whether it reached the end. The folder then holds the run."""
    trainer = Trainer(config, dataset, device)
    if resume:
        trainer.restore(checkpoints.read_last(folder, say))
        say(f"Resuming at step {trainer.step} of {trainer.total_steps}.")
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "config.json", config.to_json().encode())
    metrics, line = Metrics(folder, epochs_done=trainer.epoch), ProgressLine()
    originals = to_float(torch.from_numpy(dataset.test_images[:10]).to(device))
    started_at = saved_at = epoch_at = time.monotonic()
    started_step = epoch_step = trainer.step

    def snapshot(name: str) -> None:
        (folder / "pictures").mkdir(exist_ok=True)
        write_snapshot(folder / "pictures" / name, trainer.averaged_model, originals, config.latent_size)

    with stop_signals() as signals:
        while trainer.step < trainer.total_steps:
            trainer.take_step(trainer.batch())
            now = time.monotonic()
            speed = (trainer.step - started_step) / (now - started_at)
            line.show(_progress(trainer, speed))
            if trainer.step % trainer.steps_per_epoch == 0:
                line.clear()
                row = _end_of_epoch(trainer, (trainer.step - epoch_step) * config.batch_size / (now - epoch_at))
                row["seconds"] = round(now - epoch_at, 2)
                metrics.write(row)
                say(_summary(row, config, remaining=(trainer.total_steps - trainer.step) / speed))
                if row["elbo_to_choose_by"] > trainer.best_elbo:
                    trainer.best_elbo = row["elbo_to_choose_by"]
                    best = Checkpoint(dict(trainer.averaged_model.state_dict()), {"epoch": row["epoch"]})
                    checkpoints.save(folder / checkpoints.BEST, best)
                snapshot(f"epoch-{trainer.epoch:03d}.png")
                epoch_at, epoch_step = time.monotonic(), trainer.step
            elif not (folder / "pictures").exists() and now - started_at > FIRST_SNAPSHOT_SECONDS:
                snapshot("first.png")
            ended = trainer.step % trainer.steps_per_epoch == 0
            if ended or signals or now - saved_at > SAVE_SECONDS:
                trainer.require_finite()
                checkpoints.save_last(folder, trainer.checkpoint())
                saved_at = time.monotonic()
            if signals:
                line.clear()
                say(f"Stopped at step {trainer.step}; nothing is lost. Go on with: {resume_command(folder)}")
                return False
    return True


def resume_command(folder: Path) -> str:
    """The line that continues a run."""
    return f"python -m train fit --resume {folder}"


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM instead of dying of it; a second one acts as usual."""
    caught: list[int] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _end_of_epoch(trainer: Trainer, images_per_second: float) -> dict[str, Any]:
    log_likelihood, kl, count = trainer.sums.tolist()
    trainer.sums.zero_()
    row: dict[str, Any] = {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "elbo": (log_likelihood - kl) / count,
        "log_likelihood": log_likelihood / count,
        "kl": kl / count,
        "learning_rate": trainer.optimizer.param_groups[0]["lr"],
        "kl_weight": kl_weight(trainer.config, trainer.step - 1, trainer.steps_per_epoch),
        "images_per_second": round(images_per_second, 1),
    }
    if len(trainer.validation):
        row["validation_elbo"] = trainer.validation_elbo()
    row["elbo_to_choose_by"] = row.get("validation_elbo", row["elbo"])
    return row


def _progress(trainer: Trainer, steps_per_second: float) -> str:
    config = trainer.config
    remaining = (trainer.total_steps - trainer.step) / steps_per_second
    return (
        f"epoch {trainer.epoch + 1}/{config.epochs}  step {trainer.step}/{trainer.total_steps}  "
        f"{steps_per_second * config.batch_size:,.0f} images/s  {clock(remaining)} left"
    )


def _summary(row: dict[str, Any], config: Config, *, remaining: float) -> str:
    held_out = f"  validation {-row['validation_elbo']:.2f}" if "validation_elbo" in row else ""
    return (
        f"epoch {row['epoch']}/{config.epochs}  -ELBO {-row['elbo']:.2f} nats = {-row['log_likelihood']:.2f} "
        f"+ KL {row['kl']:.2f}{held_out}  {row['images_per_second']:,.0f} images/s  {clock(remaining)} left"
    )
