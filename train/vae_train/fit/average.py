"""The moving average of a run's weights: what the run is worth, smoother than where its last step left it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from ..models.networks import VAE


class Average:
    """Exponential moving average; of a short run the last tenth or so, and not where it began."""

    def __init__(self, model: VAE, decay: float) -> None:
        self._decay, self._step = decay, 0
        self._averaged = AveragedModel(model, multi_avg_fn=self._add)

    @property
    def model(self) -> VAE:
        """The model with the averaged weights."""
        averaged = self._averaged.module
        assert isinstance(averaged, VAE)
        return averaged

    def add(self, model: VAE, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        self._step = step
        self._averaged.update_parameters(model)

    def begin_with(self, model: VAE) -> None:
        """Forget all weights but these."""
        self.model.load_state_dict(model.state_dict())

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint holds."""
        return dict(self._averaged.state_dict())

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self._averaged.load_state_dict(tensors)

    def _add(self, averages: Sequence[Tensor], weights: Sequence[Tensor], _: object) -> None:
        decay = min(self._decay, (1 + self._step) / (10 + self._step))
        torch._foreach_lerp_(list(averages), list(weights), 1 - decay)
