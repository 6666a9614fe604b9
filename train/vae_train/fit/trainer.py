"""A run of a VAE: one step of Adam on a bound, and the figures of an epoch of them."""

from __future__ import annotations

import math
import time
from collections import Counter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..config import Config
from ..data.datasets import Dataset
from ..errors import TrainingError
from ..models.networks import VAE, build
from ..models.pca import begin_as_components
from ..models.start import take_weights
from . import held_out
from .average import Average
from .batches import Batch, Batches, observe
from .division import Division
from .loss import Terms, bound, draw_terms, loss
from .parallel import Processes
from .schedule import bound_draws, kl_weight, learning_rate

CHECK_STEPS = 50  # how often the sums are looked at: each look waits for the device


class Best(NamedTuple):
    """The highest bound so far, held-out where images are: of how many draws, and in which epoch."""

    draws: int = 0
    bound: float = float("-inf")
    epoch: int = 0


class Trainer:
    """One run: how it moves on by one step. What of it a checkpoint holds: `state.py`."""

    def __init__(
        self, config: Config, dataset: Dataset, device: torch.device, processes: Processes | None = None
    ) -> None:
        self.config, self.device, self.processes = config, device, processes or Processes()
        self.batches = Batches(config, dataset, device)
        self.model = build(config, device)
        self.average = Average(self.model, config.ema_decay) if config.ema_decay else None
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        if config.only_prior:
            self.model.encoder.requires_grad_(False)
            self.model.decoder.requires_grad_(False)
        self.step = 0
        self.seconds, self.minutes = 0.0, config.minutes  # that the run took, and that it was to take
        self.best = Best()
        # Sums over the epoch so far: log-likelihood, KL, the bound that is raised, images.
        self.sums = torch.zeros(4, dtype=torch.float64, device=device)

    @property
    def epoch(self) -> int:
        """The epoch that the next step belongs to, from 0."""
        return self.step // self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch."""
        return self.batches.steps_per_epoch(self.config)

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
        return bool(len(self.batches.held_out)) and waited >= (self.config.patience or math.inf)

    @property
    def division(self) -> Division:
        """How the sums of its steps are divided here."""
        return Division.here(self.device, self.processes.size)

    @property
    def averaged_model(self) -> VAE:
        """The weights a run is worth: the moving average where there is one."""
        return self.average.model if self.average else self.model

    def batch(self) -> Batch:
        """What the next step learns from."""
        return self.batches.at(self.step, self.config, self.noise)

    def take_step(self, batch: Batch | None = None) -> None:
        """One step of Adam, on the next batch."""
        config, batch = self.config, batch or self.batch()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step, self.total_steps)
        self.optimizer.zero_grad()
        sums = self.find_gradients(Batch(observe(batch.images, config, self.noise), batch.labels))
        if config.gradient_norm_limit:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_norm_limit)
        self.optimizer.step()
        if self.average:
            self.average.add(self.model, self.step)
        self.sums += sums
        self.step += 1
        if self.has_waited:
            self.require_finite()

    def find_gradients(self, batch: Batch, *, draws: int | None = None) -> Tensor:
        """Leave the gradients of this step's loss in the parameters; returns what it adds to `sums`.

        Each process takes its rows of the batch; its loss counts by their share, so that the sum is the mean over all.
        """
        config, draws = self.config, draws or bound_draws(self.config, self.epoch)
        images, labels = batch
        eps = torch.randn(draws, len(images), config.latent_size, device=self.device, generator=self.noise)
        rows, idle = self.processes.rows_of(len(images))
        share = 0.0 if idle else len(images[rows]) / len(images)
        weight = kl_weight(config, self.step, self.steps_per_epoch) if draws == 1 else 1.0
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            terms = draw_terms(self.model, images[rows], eps[:, rows], labels=None if labels is None else labels[rows])
            (share * loss(terms.with_kl_weight(weight))).backward()
        sums = self._sums(terms) * (not idle)
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        self.processes.add_up([*gradients, sums])
        return sums

    @torch.no_grad()
    def _sums(self, terms: Terms) -> Tensor:
        """What a batch adds to `sums`."""
        log_likelihood, kl = (term.mean(0) for term in terms)
        count = torch.tensor(float(len(kl)), device=self.device)
        return torch.stack([log_likelihood.sum(), kl.sum(), bound(terms).sum(), count])

    def end_epoch(self) -> dict[str, Any]:
        """The figures of the epoch that the last step ended; the sums begin anew."""
        log_likelihood, kl, raised, count = self.sums.tolist()
        self.sums.zero_()
        figures: dict[str, Any] = {
            "epoch": self.epoch,
            "step": self.step,
            "elbo": (log_likelihood - kl) / count,
            "log_likelihood": log_likelihood / count,
            "kl": kl / count,
            "bound": raised / count,  # the ELBO, or in importance-weighted epochs the bound of their draws
            "draws": bound_draws(self.config, self.epoch - 1),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "kl_weight": kl_weight(self.config, self.step - 1, self.steps_per_epoch),
        }
        if len(self.batches.held_out):
            measured = held_out.measure(
                self.averaged_model, self.config, self.batches.held_out, draws=figures["draws"], device=self.device
            )
            figures["validation_bound"] = self.processes.of_first(measured.bound)
            if measured.sigma is not None:
                figures["validation_sigma"] = measured.sigma
        # A bound of more draws is higher for the same weights: only bounds of the same number compare.
        reached = figures.get("validation_bound", figures["bound"])
        if figures["draws"] != self.best.draws or reached > self.best.bound:
            self.best = Best(figures["draws"], reached, self.epoch)
        return figures

    def best_weights(self, figures: dict[str, Any]) -> dict[str, Tensor]:
        """The averaged weights, with the sigma that held-out images ask for."""
        model = self.averaged_model
        weights = dict(model.state_dict())
        if "validation_sigma" in figures:
            likelihood = model.likelihood.at_sigma(figures["validation_sigma"])
            weights |= {f"likelihood.{name}": tensor for name, tensor in likelihood.state_dict().items()}
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
        batch, started = self.batch(), 0.0
        batch = Batch(observe(batch.images, self.config, self.noise), batch.labels)
        for _ in range(2):  # the first one warms up
            started = time.monotonic()
            self.find_gradients(batch, draws=draws)
            if self.device.type != "cpu":
                torch.accelerator.synchronize()
        self.noise.set_state(state)
        return time.monotonic() - started

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
        begin_as_components(self.model, self.batches.images, self.batches.held_out)
        with torch.no_grad():  # of equal eigenvalues, machines may find other directions
            self.processes.take_first(list(self.model.parameters()))
        self._average_anew()

    def _average_anew(self) -> None:
        if self.average:
            self.average.begin_with(self.model)
