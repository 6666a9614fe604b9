"""The learned prior: a flow between noise and latents, as the two graphs `prior_sample` and `prior_log_prob`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .sessions import Session

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class Flow:
    """p(z) = N(eps; 0, I) / |det dz/deps| with z = T(eps); T and its inverse are graphs."""

    def __init__(self, sample: Session, log_prob: Session) -> None:
        """sample: eps -> z. log_prob: z -> eps, log_prob."""
        self._sample, self._log_prob = sample, log_prob

    def from_noise(self, eps: Float32, *, batch_size: int) -> Float32:
        """eps -> z, both float32 [batch, latent_size], deterministic."""
        return self._sample.run(eps, ("z",), batch_size=batch_size)[0]

    def to_noise(self, z: Float32, *, batch_size: int) -> Float32:
        """z -> eps, the inverse of `from_noise`, deterministic."""
        return self._log_prob.run(z, ("eps",), batch_size=batch_size)[0]

    def log_prob(self, z: Float32, *, batch_size: int) -> Float64:
        """log p(z), nats: float32 [batch, latent_size] -> float64 [batch], deterministic."""
        return self._log_prob.run(z, ("log_prob",), batch_size=batch_size)[0].astype(np.float64)

    def noise_and_log_prob(self, z: Float32, *, batch_size: int) -> tuple[Float32, Float64]:
        """Both at once, deterministic: the graph runs once."""
        eps, log_prob = self._log_prob.run(z, ("eps", "log_prob"), batch_size=batch_size)
        return eps, log_prob.astype(np.float64)

    def exact_kl(self, posterior: object) -> None:
        """There is no closed form: the caller averages log q(z|x) - log p(z) over its draws."""
        return None
