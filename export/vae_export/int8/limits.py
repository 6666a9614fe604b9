"""How much int8 may cost a model."""

from __future__ import annotations

import math
from typing import NamedTuple

from vae_runtime.model.manifest import Manifest

LOSS_BITS_PER_DIM = 0.01  # of a density: what 0.7 per cent more noise in every pixel costs, and nobody sees

LOSS_RMSE = 0.02  # of white: 5 of 255 levels, 34 dB


class Limits(NamedTuple):
    """What may be lost, in the unit of the model's measure, and how near reconstructions must come (dB)."""

    loss: float = 0.2  # nats of the ELBO
    psnr: float = 30.0


DEFAULT_LIMITS = Limits()


def limits_for(manifest: Manifest, loss: float | None) -> Limits:
    """The usual limits of a model, or those with `loss`: a density has as many nats as its image has numbers."""
    if loss is not None:
        return Limits(loss=loss)
    if not manifest.has_elbo:
        return Limits(loss=LOSS_RMSE)
    if manifest.likelihood.binary:
        return DEFAULT_LIMITS
    return Limits(loss=round(LOSS_BITS_PER_DIM * math.log(2) * math.prod(manifest.image.shape), 2))
