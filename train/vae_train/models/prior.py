"""The prior p(z): a standard normal, or one that is learned: a flow of affine couplings from noise to latents.

Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP". As a VAE's prior: Chen et al. 2017,
"Variational lossy autoencoder". The posterior stays a diagonal Gaussian; the flow bends the prior towards the mixture
of all posteriors, which no fixed normal matches, so that samples land where the decoder was trained.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from vae_runtime.errors import InputError

from ..config import Config
from .densities import gaussian_kl, log_normal

SCALE_LIMIT = 3.0  # one coupling multiplies by at most e^3: the inverse stays as exact as the map


class Prior(nn.Module, ABC):
    """A family of p(z); z and eps are [..., latent_size]."""

    name: ClassVar[str]  # in a config and in a manifest
    is_learned: ClassVar[bool]  # whether it has weights, which `--only-prior` trains
    takes_labels: ClassVar[bool]  # whether it can tell classes apart

    has_labels = False
    label_mean: Tensor  # [labels, latent_size], of a prior that has labels, and so
    label_logvar: Tensor

    @classmethod
    @abstractmethod
    def of(cls, config: Config) -> Prior:
        """A fresh one of a config."""

    @abstractmethod
    def from_noise(self, eps: Tensor) -> Tensor:
        """eps -> z: a draw of N(0, I) becomes one of the prior."""

    @abstractmethod
    def to_noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z -> eps and log |det dz/deps|, [...]: the inverse of `from_noise`."""

    @abstractmethod
    def log_prob(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(z), or log p(z | label), nats: [..., latent_size] and labels int64 [...] -> [...]."""

    def exact_kl(self, mean: Tensor, logvar: Tensor) -> Tensor | None:
        """KL(q(z|x) || p(z)), nats: [batch], where it has a closed form; None where draws must estimate it."""
        return None

    def kl(self, z: Tensor, mean: Tensor, logvar: Tensor, labels: Tensor | None = None) -> Tensor:
        """KL(q(z|x) || p(z)), nats: exact where it can be, else estimated from the draw z of q: [...]."""
        exact = self.exact_kl(mean, logvar)
        return log_normal(z, mean, logvar) - self.log_prob(z, labels) if exact is None else exact


class StandardNormal(Prior):
    """p(z) = N(0, I); the noise is the latent."""

    name, is_learned, takes_labels = "standard_normal", False, False

    @classmethod
    def of(cls, config: Config) -> StandardNormal:
        return cls()

    def from_noise(self, eps: Tensor) -> Tensor:
        return eps

    def to_noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z, torch.zeros_like(z[..., 0])

    def log_prob(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return log_normal(z, 0.0, 0.0)

    def exact_kl(self, mean: Tensor, logvar: Tensor) -> Tensor:
        return gaussian_kl(mean, logvar)


class Coupling(nn.Module):
    """z = eps * exp(s) + t, where s and t are a network of the coordinates that they leave alone.

    Which those are is a mask; it multiplies the network's first and last weights, so that s and t vanish on them and
    the exported graph needs neither slices nor joins.
    """

    mask: Tensor

    def __init__(self, latent_size: int, width: int, *, odd: bool) -> None:
        super().__init__()
        self.register_buffer("mask", (torch.arange(latent_size) % 2 == int(odd)).float(), persistent=False)
        self.hidden_1 = nn.Linear(latent_size, width)
        self.hidden_2 = nn.Linear(width, width)
        self.scale = nn.Linear(width, latent_size)
        self.shift = nn.Linear(width, latent_size)
        for layer in (self.scale, self.shift):  # begins as the identity
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t from the coordinates that stay; equal for eps and for its z."""
        hidden = self.hidden_2(self.hidden_1(x * self.mask).relu()).relu()
        moved = 1 - self.mask
        s = SCALE_LIMIT * torch.tanh(self.scale(hidden) * moved / SCALE_LIMIT)
        return s, self.shift(hidden) * moved

    def forward(self, eps: Tensor) -> Tensor:
        s, t = self.terms(eps)
        return eps * s.exp() + t

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z -> eps, and log |det dz/deps|, [...]."""
        s, t = self.terms(z)
        return (z - t) * (-s).exp(), s.sum(-1)


class Flow(Prior):
    """p(z) as the image of noise under couplings that take turns on even and odd coordinates.

    The noise is N(0, I), or with labels a learned Gaussian for each of them, and their equal mixture where the label
    is not known (Izmailov et al. 2020, "Semi-supervised learning with normalizing flows").
    """

    name, is_learned, takes_labels = "flow", True, True

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.latent_size = config.latent_size
        if config.labels:  # far apart from the first: a flow tears no common cloud into classes
            self.label_mean = nn.Parameter(torch.randn(config.labels, config.latent_size))
            self.label_logvar = nn.Parameter(torch.zeros(config.labels, config.latent_size))
        self.has_labels = config.labels > 0
        self.couplings = nn.ModuleList(
            Coupling(config.latent_size, config.flow_width, odd=bool(layer % 2)) for layer in range(config.flow_layers)
        )

    @classmethod
    def of(cls, config: Config) -> Flow:
        return cls(config)

    def from_noise(self, eps: Tensor) -> Tensor:
        for coupling in self.couplings:
            eps = coupling(eps)
        return eps

    def to_noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        log_determinant = torch.zeros_like(z[..., 0])
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            z, log_scale = coupling.inverse(z)
            log_determinant = log_determinant + log_scale
        return z, log_determinant

    def noise_log_prob(self, eps: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(eps), or log p(eps | label), nats: [..., latent_size] and labels int64 [...] -> [...]."""
        if not self.has_labels:
            return log_normal(eps, 0.0, 0.0)
        if labels is not None:
            return log_normal(eps, self.label_mean[labels], self.label_logvar[labels])
        each = log_normal(eps[..., None, :], self.label_mean, self.label_logvar)
        return each.logsumexp(-1) - math.log(each.shape[-1])

    def log_prob(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(eps) - log |det dz/deps|, nats."""
        eps, log_determinant = self.to_noise(z)
        return self.noise_log_prob(eps, labels) - log_determinant


PRIORS: dict[str, type[Prior]] = {family.name: family for family in (StandardNormal, Flow)}


def prior_of(config: Config) -> type[Prior]:
    """The family that a config names."""
    if config.prior not in PRIORS:
        raise InputError(f"the prior is {config.prior!r}; expected {' or '.join(PRIORS)}.")
    return PRIORS[config.prior]


def build_prior(config: Config) -> Prior:
    """The prior of a config."""
    family = prior_of(config)
    if config.labels and not family.takes_labels:
        able = " or ".join(repr(name) for name, other in PRIORS.items() if other.takes_labels)
        raise InputError(f"labels need the prior {able}; this run's is {config.prior!r}.")
    return family.of(config)
