"""How much int8 may cost a model."""

from __future__ import annotations

import math
from typing import NamedTuple

from vae_runtime.model.manifest import Manifest

LOSS_BITS_PER_DIM = 0.01  # of a density: what 0.7 per cent more noise in every pixel costs, and nobody sees


class Limits(NamedTuple):
    """Nats of ELBO that may be lost, and how near its reconstructions must come to float32's (dB)."""

    nats: float = 0.2
    psnr: float = 30.0


DEFAULT_LIMITS = Limits()


def limits_for(manifest: Manifest, nats: float | None) -> Limits:
    """The usual limits of a model, or those with `nats`: a density has as many as its image has numbers."""
    if nats is not None:
        return Limits(nats=nats)
    if manifest.likelihood.binary:
        return DEFAULT_LIMITS
    return Limits(nats=round(LOSS_BITS_PER_DIM * math.log(2) * math.prod(manifest.image.shape), 2))
