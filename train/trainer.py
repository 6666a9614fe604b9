"""One step of Adam on -ELBO, and all that a checkpoint must hold to go on from it bit for bit on a CPU."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .checkpoint import Checkpoint
from .config import Config
from .data import Dataset
from .errors import TrainingError
from .loss import elbo
from .networks import VAE, build
from .schedule import kl_weight, learning_rate

CHECK_STEPS = 50  # how often the sums are looked at: each look waits for the device


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


def to_float(images: Tensor) -> Tensor:
    """uint8 0 .. 255 to float32 in [0, 1], as `vae_runtime.from_uint8` does it."""
    return images.float() / 255


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Fused Adam walks weights and moments in memory order, so they must be laid out alike (channels_last)."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else copy.copy(tensor)
