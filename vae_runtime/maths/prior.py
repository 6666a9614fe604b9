"""What a prior is, and the standard normal one. `model/prior.py` has the table of families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .gaussian import Float64, in_rows, kl_to_standard_normal, log_standard_normal
from .posterior import Posterior

Float32 = npt.NDArray[np.float32]


class Prior(Protocol):
    """p(z), the image of standard normal noise under an invertible map."""

    def from_noise(self, eps: Float32, *, batch_size: int) -> Float32:
        """eps -> z, both float32 [batch, *latent_shape]."""

    def to_noise(self, z: Float32, *, batch_size: int) -> Float32:
        """z -> eps, the inverse of `from_noise`."""

    def log_prob(self, z: Float32, *, batch_size: int) -> Float64:
        """log p(z), nats: float32 [batch, *latent_shape] -> float64 [batch]."""

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """What `to_noise` and `log_prob` give, at the cost of one of them."""

    def exact_kl(self, posterior: Posterior) -> Float64 | None:
        """KL(q(z|x) || p(z)), nats, float64 [batch], where it has a closed form; None where draws must estimate it."""


class StandardNormalPrior:
    """p(z) = N(0, I): the noise is the latent."""

    family: ClassVar[str] = "standard_normal"

    @staticmethod
    def graphs(latent_shape: tuple[int, ...]) -> dict[str, Any]:
        """None: there is nothing to compute."""
        return {}

    @classmethod
    def opened(cls, sessions: Mapping[str, Any]) -> Prior:
        """Of no session."""
        return cls()

    def from_noise(self, eps: Float32, *, batch_size: int) -> Float32:
        """eps -> z, the same."""
        return eps

    def to_noise(self, z: Float32, *, batch_size: int) -> Float32:
        """z -> eps, the same."""
        return z

    def log_prob(self, z: npt.NDArray[Any], *, batch_size: int) -> Float64:
        """log N(z; 0, I), nats."""
        return log_standard_normal(in_rows(z))

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """Both at once."""
        return z, log_standard_normal(in_rows(z))

    def exact_kl(self, posterior: Posterior) -> Float64:
        """Kingma and Welling 2014, appendix B."""
        return kl_to_standard_normal(in_rows(posterior.mean), in_rows(posterior.spread))


class NoPrior:
    """Of a model that says nothing of where its latents lie: every question is an InputError."""

    family: ClassVar[str] = "none"

    @staticmethod
    def graphs(latent_shape: tuple[int, ...]) -> dict[str, Any]:
        """None."""
        return {}

    @classmethod
    def opened(cls, sessions: Mapping[str, Any]) -> Prior:
        """Of no session."""
        return cls()

    def from_noise(self, eps: Float32, *, batch_size: int) -> Float32:
        """Refused."""
        raise _no_prior()

    def to_noise(self, z: Float32, *, batch_size: int) -> Float32:
        """Refused."""
        raise _no_prior()

    def log_prob(self, z: Float32, *, batch_size: int) -> Float64:
        """Refused."""
        raise _no_prior()

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """Refused."""
        raise _no_prior()

    def exact_kl(self, posterior: Posterior) -> Float64 | None:
        """Refused."""
        raise _no_prior()


def _no_prior() -> InputError:
    return InputError("the model has no prior: it only encodes and decodes.")
