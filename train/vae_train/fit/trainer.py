"""One step of Adam on a bound, and all that a checkpoint must hold to go on from it bit for bit on a CPU."""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from vae_runtime.errors import InputError

from ..checkpoint import Checkpoint, under
from ..config import Config
from ..data.augment import augment
from ..data.datasets import Dataset
from ..errors import TrainingError
from ..models.networks import VAE, build
from ..models.pca import begin_as_components
from ..models.start import take_weights
from ..parallel import Processes
from . import held_out
from .division import Division
from .loss import Bounds, elbo, iwae
from .order import Order
from .schedule import bound_draws, kl_weight, learning_rate

DEVICE_BYTES = 4 * 2**30
CHECK_STEPS = 50  # how often the sums are looked at: each look waits for the device


class Batch(NamedTuple):
    """Images float [batch, channels, height, width] in [0, 1], and where the prior is told of them labels [batch]."""

    images: Tensor
    labels: Tensor | None


class Best(NamedTuple):
    """The highest bound so far, held-out where images are: of how many draws, and in which epoch."""

    draws: int = 0
    bound: float = float("-inf")
    epoch: int = 0


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
        if split < 1:
            raise InputError(
                f"--validation-images is {config.validation_images}; there are {len(images)} images to train on."
            )
        self.images, self.validation = images[:split], images[split:]
        self.labels = torch.from_numpy(dataset.train_labels).to(device).long() if config.labels else None
        if config.labels and config.labels != (found := len(np.unique(dataset.train_labels))):
            raise InputError(f"the prior has {config.labels} labels; the data has {found}.")
        if config.only_prior:
            self.model.encoder.requires_grad_(False)
            self.model.decoder.requires_grad_(False)
        self.step = 0
        self.seconds, self.minutes = 0.0, config.minutes  # that the run took, and that it was to take
        self.best = Best()
        self._order = Order(len(self.images), seed=config.seed)
        # Sums over the epoch so far: log-likelihood, KL, the bound that is raised, images.
        self.sums = torch.zeros(4, dtype=torch.float64, device=device)

    @property
    def epoch(self) -> int:
        """The epoch that the next step belongs to, from 0."""
        return self.step // self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch."""
        return self.config.epoch_steps or -(-len(self.images) // self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; with a limit in time it moves at the end of an epoch."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def is_done(self) -> bool:
        """Whether the last step is taken, or the held-out bound has not risen for as long as the run is patient."""
        return self.step >= self.total_steps or self.gave_up

    @property
    def has_waited(self) -> bool:
        """Whether the last step is one after which the device is waited for."""
        return self.step % CHECK_STEPS == 0 or self.step % self.steps_per_epoch == 0

    @property
    def gave_up(self) -> bool:
        """Whether the run ended before its time because its held-out bound no longer rises."""
        waited = self.epoch - self.best.epoch
        return bool(len(self.validation)) and waited >= (self.config.patience or math.inf)

    @property
    def division(self) -> Division:
        """How the sums of its steps are divided here."""
        return Division.here(self.device, self.processes.size)

    @property
    def averaged_model(self) -> VAE:
        """The weights a run is worth: the moving average where there is one."""
        averaged = self.average.module if self.average else self.model
        assert isinstance(averaged, VAE)
        return averaged

    def batch(self) -> Batch:
        """What the next step learns from; the order is drawn from the seed and the epoch alone."""
        size = self.config.batch_size
        if self.config.epoch_steps:
            rows = self._order.rows(self.step * size, size)
        else:  # the last batch of an epoch is what is left
            start = self.step % self.steps_per_epoch * size
            rows = self._order.turn(self.epoch)[start : start + size]
        rows = rows.to(self.images.device)
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
        if self.has_waited:
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
            draws = figures["draws"]
            found = held_out.measure(self.averaged_model, self.config, self.validation, draws=draws, device=self.device)
            figures["validation_bound"] = self.processes.of_first(found.bound)
            if found.sigma is not None:
                figures["validation_sigma"] = found.sigma
        # A bound of more draws is higher for the same weights: only bounds of the same number compare.
        bound = figures.get("validation_bound", figures["bound"])
        if figures["draws"] != self.best.draws or bound > self.best.bound:
            self.best = Best(figures["draws"], bound, self.epoch)
        return figures

    def best_weights(self, figures: dict[str, Any]) -> dict[str, Tensor]:
        """The averaged weights, with the sigma that held-out images ask for."""
        weights = dict(self.averaged_model.state_dict())
        if "validation_sigma" in figures:
            sigma = weights["likelihood.log_sigma"]
            weights["likelihood.log_sigma"] = torch.full_like(sigma, math.log(figures["validation_sigma"]))
        return weights

    def steps_left(self) -> dict[int, int]:
        """How many steps of each number of draws are to come."""
        left: Counter[int] = Counter()
        for epoch in range(self.epoch, self.config.epochs):
            begun = self.step % self.steps_per_epoch if epoch == self.epoch else 0
            left[bound_draws(self.config, epoch)] += self.steps_per_epoch - begun
        return dict(left)

    def time_step(self, draws: int) -> float:
        """Seconds of finding gradients with this many draws; nothing of the run is changed."""
        state = self.noise.get_state()
        batch = self.batch()
        images, started = self.observe(batch.images), 0.0
        for _ in range(2):  # the first one warms up
            started = time.monotonic()
            self.find_gradients(images, batch.labels, draws=draws)
            if self.device.type != "cpu":
                torch.accelerator.synchronize()
        self.noise.set_state(state)
        return time.monotonic() - started

    def observe(self, images: Tensor) -> Tensor:
        """What the step learns from: pixels drawn anew as Bernoulli(grey level), but for a share that stays grey."""
        if self.config.targets == "grey":
            return images
        grey = round(self.config.grey_share * len(images))  # the batch is in random order already
        drawn = torch.bernoulli(images[grey:], generator=self.noise)
        return torch.cat([images[:grey], drawn]) if grey else drawn

    def find_gradients(self, images: Tensor, labels: Tensor | None, *, draws: int | None = None) -> Tensor:
        """Leave the gradients of this step's loss in the parameters; returns what it adds to `sums`."""
        config, draws = self.config, draws or bound_draws(self.config, self.epoch)
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

    def begin_with(self, trained: VAE) -> None:
        """Take another run's encoder, decoder and prior."""
        take_weights(self.model, trained)
        self._average_anew()

    def begin_as_components(self) -> None:
        """Let the linear maps of a new model be the data's principal components."""
        begin_as_components(self.model, self.images, self.validation)
        with torch.no_grad():  # of equal eigenvalues, machines may find other directions
            self.processes.take_first(list(self.model.parameters()))
        self._average_anew()

    def _average_anew(self) -> None:
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
        best = {f"best_{name}": value for name, value in self.best._asdict().items()}
        spent = {"seconds": self.seconds, "minutes": self.config.minutes} if self.config.minutes else {}
        return Checkpoint(tensors, {"step": self.step, **best, **spent, **self.division._asdict()})

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
        self.best = Best(*(saved.state.get(f"best_{name}", 0) for name in Best._fields))
        self.seconds, self.minutes = saved.state.get("seconds", 0.0), saved.state.get("minutes", 0.0)


def to_float(images: Tensor) -> Tensor:
    """uint8 0 .. 255 to float32 in [0, 1], as `vae_runtime.from_uint8` does it."""
    return images.float() / 255


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Fused Adam walks weights and moments in memory order, so they must be laid out alike (channels_last)."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else copy.copy(tensor)
