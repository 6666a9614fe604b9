"""One step of Adam on a bound, and all that a checkpoint must hold to go on from it bit for bit on a CPU."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from vae_runtime.errors import InputError

from .augment import augment
from .checkpoint import Checkpoint, under
from .config import Config
from .data import Dataset
from .errors import TrainingError
from .loss import Bounds, elbo, iwae
from .networks import VAE, build
from .parallel import Processes
from .schedule import bound_draws, kl_weight, learning_rate

DEVICE_BYTES = 4 * 2**30
CHECK_STEPS = 50  # how often the sums are looked at: each look waits for the device


class Batch(NamedTuple):
    """Images float [batch, channels, height, width] in [0, 1], and where the prior is told of them labels [batch]."""

    images: Tensor
    labels: Tensor | None


class Trainer:
    """One run: what a checkpoint holds, and how it moves on by one step."""

    def __init__(
        self, config: Config, dataset: Dataset, device: torch.device, processes: Processes | None = None
    ) -> None:
        self.config, self.device, self.processes = config, device, processes or Processes()
        self.model = build(config, device)
        self.average = AveragedModel(self.model, multi_avg_fn=self._add_to_average) if config.ema_decay else None
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        images = torch.from_numpy(dataset.train_images)
        if images.numel() < DEVICE_BYTES:  # larger sets stay where they are, and go over batch by batch
            images = images.to(device)
        split = len(images) - config.validation_images
        self.images, self.validation = images[:split], images[split:]
        self.labels = torch.from_numpy(dataset.train_labels).to(device).long() if config.labels else None
        if config.labels and config.labels != (found := len(np.unique(dataset.train_labels))):
            raise InputError(f"the prior has {config.labels} labels; the data has {found}.")
        if config.only_prior:
            self.model.encoder.requires_grad_(False)
            self.model.decoder.requires_grad_(False)
        self.steps_per_epoch = -(-split // config.batch_size)
        self.total_steps = self.steps_per_epoch * config.epochs
        self.step = 0
        self.best_draws, self.best_bound = 0, float("-inf")
        self._order, self._order_epoch = torch.empty(0, dtype=torch.long), -1
        # Sums over the epoch so far: log-likelihood, KL, the bound that is raised, images.
        self.sums = torch.zeros(4, dtype=torch.float64, device=device)

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

    def batch(self) -> Batch:
        """What the next step learns from; the order is drawn from the seed and the epoch alone."""
        if self._order_epoch != self.epoch:
            generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
            self._order = torch.randperm(len(self.images), generator=generator).to(self.images.device)
            self._order_epoch = self.epoch
        start = self.step % self.steps_per_epoch * self.config.batch_size
        rows = self._order[start : start + self.config.batch_size]
        images = to_float(self.images[rows].to(self.device))
        if self.config.augment:
            images = augment(images, self.config.augment, self.noise)
        return Batch(images, None if self.labels is None else self.labels[rows.to(self.device)])

    def take_step(self, batch: Batch) -> None:
        """One step of Adam."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step, self.total_steps)
        self.optimizer.zero_grad()
        sums = self.find_gradients(self.observe(batch.images), batch.labels)
        if config.gradient_norm_limit:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_norm_limit)
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.sums += sums
        self.step += 1
        if self.step % CHECK_STEPS == 0 or self.step % self.steps_per_epoch == 0:
            self.require_finite()

    def end_epoch(self) -> dict[str, Any]:
        """The figures of the epoch that the last step ended; the sums begin anew."""
        log_likelihood, kl, bound, count = self.sums.tolist()
        self.sums.zero_()
        figures: dict[str, Any] = {
            "epoch": self.epoch,
            "step": self.step,
            "elbo": (log_likelihood - kl) / count,
            "log_likelihood": log_likelihood / count,
            "kl": kl / count,
            "bound": bound / count,  # the ELBO, or in importance-weighted epochs the bound of their draws
            "draws": bound_draws(self.config, self.epoch - 1),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "kl_weight": kl_weight(self.config, self.step - 1, self.steps_per_epoch),
        }
        if len(self.validation):
            figures["validation_bound"] = self.validation_bound()
        return figures

    def observe(self, images: Tensor) -> Tensor:
        """What the step learns from: pixels drawn anew as Bernoulli(grey level), but for a share that stays grey."""
        if self.config.targets == "grey":
            return images
        grey = round(self.config.grey_share * len(images))  # the batch is in random order already
        drawn = torch.bernoulli(images[grey:], generator=self.noise)
        return torch.cat([images[:grey], drawn]) if grey else drawn

    def find_gradients(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Leave the gradients of this step's loss in the parameters; returns what it adds to `sums`."""
        config, draws = self.config, bound_draws(self.config, self.epoch)
        eps = torch.randn(draws, len(images), config.latent_size, device=self.device, generator=self.noise)
        share, whole = self.processes.rows, len(images)
        idle = len(share(images)) == 0  # of a short last batch: a row of the others' then, that counts for nothing
        mine, eps = (images[:1], eps[:, :1]) if idle else (share(images), share(eps, axis=1))
        labels = labels if labels is None else labels[:1] if idle else share(labels)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            if draws > 1:
                bounds = iwae(self.model, mine, eps, labels=labels)
                loss = -bounds.iwae
            else:
                log_likelihood, kl = elbo(self.model, mine, eps[0], labels=labels)
                bounds = Bounds(log_likelihood, kl, log_likelihood - kl)
                loss = kl_weight(config, self.step, self.steps_per_epoch) * kl - log_likelihood
        (loss.sum() * (not idle) / whole).backward()
        count = torch.tensor(float(len(mine)), device=self.device)
        sums = torch.stack([*(bound.detach().sum() for bound in bounds), count]) * (not idle)
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        self.processes.add_up([*gradients, sums])
        return sums

    def _add_to_average(self, averages: Sequence[Tensor], weights: Sequence[Tensor], _: object) -> None:
        """Exponential moving average; of a short run the last tenth or so, and not where it began."""
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(averages), list(weights), 1 - decay)

    def require_finite(self) -> None:
        """Stop before a NaN reaches a checkpoint."""
        if not bool(self.sums.isfinite().all()):
            raise TrainingError(
                f"the loss is not finite at step {self.step} (epoch {self.epoch + 1}). The last checkpoint is good; "
                "start again with a lower --learning-rate."
            )

    @torch.no_grad()
    def validation_bound(self) -> float:
        """Mean bound of the held-out images under the averaged weights, with noise that is the same each time."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        draws = bound_draws(self.config, self.epoch - 1)
        total = 0.0
        for rows in self.validation.split(500):
            images = to_float(rows.to(self.device))
            if self.config.targets == "binarised":
                images = torch.bernoulli(images, generator=generator)
            eps = torch.randn(draws, len(images), self.config.latent_size, device=self.device, generator=generator)
            total += float(iwae(self.averaged_model, images, eps).iwae.sum())
        return total / len(self.validation)

    def begin_with(self, trained: VAE) -> None:
        """Take another run's encoder, decoder and prior.

        Residual blocks that it lacks start as the identity; a prior of another kind, size or number of labels starts
        anew as a whole.
        """
        weights, mine = trained.state_dict(), self.model.state_dict()
        priors = [
            {name: tensor.shape for name, tensor in part.items() if name.startswith("prior.")}
            for part in (weights, mine)
        ]
        if priors[0] != priors[1]:
            weights = {name: tensor for name, tensor in weights.items() if not name.startswith("prior.")}
            weights |= {name: tensor for name, tensor in mine.items() if name.startswith("prior.")}
        if weights.keys() - mine.keys() or any(".conv_" not in name for name in mine.keys() - weights.keys()):
            raise InputError("--from takes a run of the same networks, or one with fewer residual blocks.")
        if other := [name for name in weights if weights[name].shape != mine[name].shape]:
            raise InputError(
                f"--from takes a run with layers of the same sizes; {other[0]} is {list(weights[other[0]].shape)} "
                f"there and {list(mine[other[0]].shape)} here."
            )
        self.model.load_state_dict(weights, strict=False)
        if self.average:
            self.average.module.load_state_dict(self.model.state_dict())

    def checkpoint(self) -> Checkpoint:
        """All that a resumed run needs."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in slots.items()}
        tensors |= {"noise": self.noise.get_state(), "sums": self.sums}
        return Checkpoint(tensors, {"step": self.step, "best_draws": self.best_draws, "best_bound": self.best_bound})

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `checkpoint` was taken."""
        tensors = {name: tensor.to(self.device) for name, tensor in saved.tensors.items()}
        try:
            self.model.load_state_dict(under(tensors, "model."))
            if self.average:
                self.average.load_state_dict(under(tensors, "average."))
        except RuntimeError as error:
            raise TrainingError(f"the checkpoint is of another network than config.json says: {error}") from error
        self.optimizer.load_state_dict(
            {
                "param_groups": self.optimizer.state_dict()["param_groups"],
                "state": {
                    index: {
                        name: _in_layout_of(parameter, tensor)
                        for name, tensor in under(tensors, f"optimizer.{index}.").items()
                    }
                    for index, parameter in enumerate(self.model.parameters())
                    if saved.state["step"]
                },
            }
        )
        self.noise.set_state(saved.tensors["noise"])
        self.sums = tensors["sums"]
        self.step = saved.state["step"]
        self.best_draws, self.best_bound = saved.state["best_draws"], saved.state["best_bound"]


def to_float(images: Tensor) -> Tensor:
    """uint8 0 .. 255 to float32 in [0, 1], as `vae_runtime.from_uint8` does it."""
    return images.float() / 255


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Fused Adam walks weights and moments in memory order, so they must be laid out alike (channels_last)."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else copy.copy(tensor)
