"""The families of priors: one class for each, one entry in `PRIORS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..maths.prior import NoPrior, Prior, StandardNormalPrior
from .sides import BATCH, Shape

if TYPE_CHECKING:
    from .sessions import Session

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Signature = tuple[dict[str, Shape], dict[str, Shape]]  # shapes of inputs and of outputs, by name


class PriorFamily(Protocol):
    """A family of p(z): what a manifest calls it, the graphs that it is made of, and the prior that they make."""

    family: ClassVar[str]

    @staticmethod
    def graphs(latent_shape: tuple[int, ...]) -> Mapping[str, Signature]:
        """The graphs that a model must have for it, by role."""

    @classmethod
    def opened(cls, sessions: Mapping[str, Session]) -> Prior:
        """The prior; sessions: the model's, by role."""


class FlowPrior:
    """A flow between noise and latents: p(z) = N(eps; 0, I) / |det dz/deps| with z = T(eps).

    T and its inverse are graphs.
    """

    family: ClassVar[str] = "flow"

    def __init__(self, sample: Session, log_prob: Session) -> None:
        """sample: eps -> z. log_prob: z -> eps, log_prob."""
        self._sample, self._log_prob = sample, log_prob

    @staticmethod
    def graphs(latent_shape: tuple[int, ...]) -> Mapping[str, Signature]:
        """T, and its inverse with the density."""
        latents: Shape = (BATCH, *latent_shape)
        return {
            "prior_sample": ({"eps": latents}, {"z": latents}),
            "prior_log_prob": ({"z": latents}, {"eps": latents, "log_prob": (BATCH,)}),
        }

    @classmethod
    def opened(cls, sessions: Mapping[str, Session]) -> Prior:
        """On both graphs."""
        return cls(sessions["prior_sample"], sessions["prior_log_prob"])

    def from_noise(self, eps: Float32, *, batch_size: int) -> Float32:
        """eps -> z, both float32 [batch, *latent_shape], deterministic."""
        return self._sample.run(eps, ("z",), batch_size=batch_size)[0]

    def to_noise(self, z: Float32, *, batch_size: int) -> Float32:
        """z -> eps, the inverse of `from_noise`, deterministic."""
        return self._log_prob.run(z, ("eps",), batch_size=batch_size)[0]

    def log_prob(self, z: Float32, *, batch_size: int) -> Float64:
        """log p(z), nats: float32 [batch, *latent_shape] -> float64 [batch], deterministic."""
        return self._log_prob.run(z, ("log_prob",), batch_size=batch_size)[0].astype(np.float64)

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """Both at once, deterministic: the graph runs once."""
        eps, log_prob = self._log_prob.run(z, ("eps", "log_prob"), batch_size=batch_size)
        return eps, log_prob.astype(np.float64)

    def exact_kl(self, posterior: Any) -> None:
        """There is no closed form: the caller averages log q(z|x) - log p(z) over its draws."""
        return None


PRIORS: Mapping[str, type[PriorFamily]] = {kind.family: kind for kind in (StandardNormalPrior, FlowPrior, NoPrior)}
PRIORS_1 = ("standard_normal", "flow")  # of version 1
