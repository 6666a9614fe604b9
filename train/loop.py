"""The training loop: Adam on -ELBO, resumable at any step, bit for bit on a CPU."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vae_runtime.files import write_file

from . import checkpoint as checkpoints
from .checkpoint import Checkpoint
from .config import Config
from .data import Dataset
from .errors import TrainingError
from .loss import elbo
from .networks import VAE, build
from .progress import Metrics, ProgressLine, clock, say
from .schedule import kl_weight, learning_rate
from .snapshots import write_snapshot

CHECK_STEPS = 50  # how often the sums are looked at: each look waits for the device
SAVE_SECONDS = 300.0  # a checkpoint at least this often, besides each end of an epoch
FIRST_SNAPSHOT_SECONDS = 20.0


class Trainer:
    """One run: what a checkpoint holds, and how it moves on by one step."""

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.config, self.device = config, device
        self.model = build(config, device)
        self.average = (
            AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay)) if config.ema_decay else None
        )
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        images = torch.from_numpy(dataset.train_images).to(device)
        split = len(images) - config.validation_images
        self.images, self.validation = images[:split], images[split:]
        self.steps_per_epoch = -(-split // config.batch_size)
        self.total_steps = self.steps_per_epoch * config.epochs
        self.step = 0
        self.best_elbo = float("-inf")
        self._order, self._order_epoch = torch.empty(0, dtype=torch.long), -1
        # Sums over the epoch so far: log-likelihood, KL, images.
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)

    @property
    def epoch(self) -> int:
        """The epoch that the next step belongs to, from 0."""
        return self.step // self.steps_per_epoch

    @property
    def averaged_model(self) -> VAE:
        """The weights a run is worth: the moving average where there is one."""
        averaged = self.average.module if self.average else self.model
        assert isinstance(averaged, VAE)
        return averaged

    def batch(self) -> Tensor:
        """The next step's images, float in [0, 1]; the order is drawn from the seed and the epoch alone."""
        if self._order_epoch != self.epoch:
            generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
            self._order = torch.randperm(len(self.images), generator=generator).to(self.device)
            self._order_epoch = self.epoch
        start = self.step % self.steps_per_epoch * self.config.batch_size
        return to_float(self.images[self._order[start : start + self.config.batch_size]])

    def take_step(self, images: Tensor) -> None:
        """One step of Adam on images as `batch` gives them."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step, self.total_steps)
        if config.targets == "binarised":
            images = torch.bernoulli(images, generator=self.noise)
        eps = torch.randn(len(images), config.latent_size, device=self.device, generator=self.noise)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            log_likelihood, kl = elbo(self.model, images, eps)
        loss = -(log_likelihood - kl_weight(config, self.step, self.steps_per_epoch) * kl).mean()
        self.optimizer.zero_grad()
        loss.backward()
        if config.gradient_norm_limit:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_norm_limit)
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        count = torch.tensor(float(len(images)), device=self.device)
        self.sums += torch.stack([log_likelihood.detach().sum(), kl.detach().sum(), count])
        self.step += 1
        if self.step % CHECK_STEPS == 0 or self.step % self.steps_per_epoch == 0:
            self.require_finite()

    def require_finite(self) -> None:
        """Stop before a NaN reaches a checkpoint."""
        if not bool(self.sums.isfinite().all()):
            raise TrainingError(
                f"the loss is not finite at step {self.step} (epoch {self.epoch + 1}). The last checkpoint is good; "
                "start again with a lower --learning-rate."
            )

    @torch.no_grad()
    def validation_elbo(self) -> float:
        """Mean ELBO of the held-out images under the averaged weights, with noise that is the same each time."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        total = 0.0
        for rows in self.validation.split(500):
            images = to_float(rows)
            if self.config.targets == "binarised":
                images = torch.bernoulli(images, generator=generator)
            eps = torch.randn(len(images), self.config.latent_size, device=self.device, generator=generator)
            terms = elbo(self.averaged_model, images, eps)
            total += float((terms.log_likelihood - terms.kl).sum())
        return total / len(self.validation)

    def checkpoint(self) -> Checkpoint:
        """All that a resumed run needs."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in slots.items()}
        tensors |= {"noise": self.noise.get_state(), "sums": self.sums}
        return Checkpoint(tensors, {"step": self.step, "best_elbo": self.best_elbo})

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `checkpoint` was taken."""
        tensors = {name: tensor.to(self.device) for name, tensor in saved.tensors.items()}
        try:
            self.model.load_state_dict(_under(tensors, "model."))
            if self.average:
                self.average.load_state_dict(_under(tensors, "average."))
        except RuntimeError as error:
            raise TrainingError(f"the checkpoint is of another network than config.json says: {error}") from error
        self.optimizer.load_state_dict(
            {
                "param_groups": self.optimizer.state_dict()["param_groups"],
                "state": {
                    index: {
                        name: _in_layout_of(parameter, tensor)
                        for name, tensor in _under(tensors, f"optimizer.{index}.").items()
                    }
                    for index, parameter in enumerate(self.model.parameters())
                    if saved.state["step"]
                },
            }
        )
        self.noise.set_state(saved.tensors["noise"])
        self.sums = tensors["sums"]
        self.step, self.best_elbo = saved.state["step"], saved.state["best_elbo"]


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


def to_float(images: Tensor) -> Tensor:
    """uint8 0 .. 255 to float32 in [0, 1], as `vae_runtime.from_uint8` does it."""
    return images.float() / 255


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


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Fused Adam walks weights and moments in memory order, so they must be laid out alike (channels_last)."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else copy.copy(tensor)
