"""Likelihoods and priors of models that others trained, as their runs would have them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from vae_train.models.likelihood import Bernoulli
from vae_train.models.prior import Prior

from vae_runtime.maths import likelihood as runtime

from .halves import as_module
from .model import LearnedPrior

__all__ = ["Bernoulli", "GaussianImages", "Invertible", "SquaredError"]


class _Images(nn.Module):
    """Of decoders that give images: what lies outside [0, 1] becomes black or white, as on every screen.

    of_logits: of decoders that give logits of them.
    """

    def __init__(self, *, of_logits: bool) -> None:
        super().__init__()
        self.of_logits = of_logits

    def mean_image(self, said: Tensor) -> Tensor:
        """The images, in [0, 1]."""
        return said.sigmoid() if self.of_logits else said.clamp(0, 1)

    def decoded(self, said: Tensor) -> dict[str, Tensor]:
        """The images alone."""
        return {"images": self.mean_image(said)}


class GaussianImages(_Images):
    """Each number is normal about the image, with one standard deviation or one for each channel."""

    def __init__(self, sigma: float | tuple[float, ...], *, of_logits: bool) -> None:
        super().__init__(of_logits=of_logits)
        self.given = sigma
        self.sigma = torch.tensor(sigma, dtype=torch.float64).reshape(-1, 1, 1)

    def log_prob(self, images: Tensor, said: Tensor) -> Tensor:
        """log p(x|z), nats: [batch]."""
        sigma = self.sigma.to(said.dtype)
        terms = -0.5 * ((images - self.mean_image(said)) / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)
        return terms.flatten(1).sum(1)

    def to_runtime(self) -> runtime.Likelihood:
        """The same, as the runtime computes it."""
        return runtime.Gaussian(self.given)


class SquaredError(_Images):
    """No density: minus the squared error stands in its place."""

    def log_prob(self, images: Tensor, said: Tensor) -> Tensor:
        """Minus the squared error: [batch]."""
        return -((images - self.mean_image(said)) ** 2).flatten(1).sum(1)

    def to_runtime(self) -> runtime.Likelihood:
        """The same, as the runtime computes it."""
        return runtime.SquaredError()


class Invertible(Prior):
    """A learned prior of two callables, on latents in rows."""

    name, is_learned, takes_labels = "flow", True, False

    def __init__(self, prior: LearnedPrior, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.sample, self.density, self.shape = as_module(prior.sample), as_module(prior.log_prob), shape

    @classmethod
    def of(cls, config: object) -> Prior:
        raise TypeError("a prior of somebody else has no config")

    def from_noise(self, eps: Tensor) -> Tensor:
        z: Tensor = self.sample(eps.reshape(-1, *self.shape))
        return z.reshape(eps.shape)

    def to_noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        eps, log_prob = self.density(z.reshape(-1, *self.shape))
        eps = eps.reshape(z.shape)
        noise = -0.5 * (eps**2 + math.log(2 * math.pi)).sum(-1)
        return eps, noise - log_prob.reshape(z.shape[:-1])

    def log_prob(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        log_prob: Tensor = self.density(z.reshape(-1, *self.shape))[1]
        return log_prob.reshape(z.shape[:-1])
