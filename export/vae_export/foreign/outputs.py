"""What an encoder or decoder gives, in whatever wrapping, as the tensors of the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import ExportError

MEANS = ("mean", "mu", "z_mean", "embedding", "latents", "loc")
LOGVARS = ("logvar", "log_var", "z_log_var", "log_variance", "log_covariance")
STDS = ("std", "stddev", "sigma", "scale")
WRAPPED = ("latent_dist", "posterior")  # fields that hold such an object
IMAGES = ("images", "sample", "reconstruction", "recon_x", "logits", "mean", "loc")


class Said(NamedTuple):
    """What an encoder said: its mean, its spread if any, and which kind that is."""

    mean: Tensor
    spread: Tensor | None
    gives: str  # as `encoder_gives`


def read_posterior(given: Any, gives: str | None) -> Said:
    """The mean and spread of what an encoder gave; gives: as `encoder_gives`, None to look. An ExportError says why."""
    if isinstance(given, Tensor):
        if gives in (None, "mean"):
            return Said(given, None, "mean")
        raise ExportError(
            f'the encoder gives one tensor, and encoder_gives is {gives!r}; expected encoder_gives="mean".'
        )
    if isinstance(given, (tuple, list)):
        return _of_tuple(given, gives)
    return _of_fields(given, gives)


def read_images(given: Any) -> Tensor:
    """The images, or logits, of what a decoder gave; an ExportError says what else it is."""
    if isinstance(given, Tensor):
        return given
    if isinstance(given, (tuple, list)) and given and isinstance(given[0], Tensor):
        return given[0]
    for name in IMAGES:
        if isinstance(value := _field(given, name), Tensor):
            return value
    raise ExportError(
        f"the decoder gives {_named(given)}, which has none of the fields {', '.join(IMAGES)}; give a function that "
        "returns its images as one tensor."
    )


def _of_tuple(given: Any, gives: str | None) -> Said:
    tensors = [each for each in given if isinstance(each, Tensor)]
    if len(tensors) == 1 == len(given):
        return read_posterior(tensors[0], gives)
    if len(tensors) < len(given) or not tensors:
        kinds = ", ".join(type(each).__name__ for each in given)
        raise ExportError(f"the encoder gives ({kinds}); give a function that returns its mean and logvar, as tensors.")
    if gives is None:
        raise ExportError(
            f'the encoder gives {len(tensors)} tensors, and nothing says what they are: say encoder_gives="mean, '
            'logvar", or "mean, std"; further ones are left out.'
        )
    return Said(tensors[0], None if gives == "mean" else tensors[1], gives)


def _of_fields(given: Any, gives: str | None) -> Said:
    for name in WRAPPED:
        if (value := _field(given, name)) is not None:
            return read_posterior(value, gives)
    mean = next((value for name in MEANS if isinstance(value := _field(given, name), Tensor)), None)
    logvar = next((value for name in LOGVARS if isinstance(value := _field(given, name), Tensor)), None)
    std = next((value for name in STDS if isinstance(value := _field(given, name), Tensor)), None)
    if mean is None:
        raise ExportError(
            f"the encoder gives {_named(given)}, which has none of the fields {', '.join(MEANS)}; give a function that "
            "returns its mean and logvar."
        )
    _refuse_other_distributions(given)
    if gives == "mean" or (logvar is None and std is None):
        return Said(mean, None, "mean")
    if logvar is not None and gives != "mean, std":
        return Said(mean, logvar, "mean, logvar")
    return Said(mean, std, "mean, std")


def _refuse_other_distributions(given: Any) -> None:
    if not isinstance(given, torch.distributions.Distribution):
        return
    base = given.base_dist if isinstance(given, torch.distributions.Independent) else given
    if not isinstance(base, torch.distributions.Normal):
        raise ExportError(
            f"the encoder gives a {type(base).__name__}; the format's posteriors are diagonal Gaussians: give a "
            "function that returns mean and logvar, or its mean alone for a deterministic autoencoder."
        )


def _field(given: Any, name: str) -> Any:
    if isinstance(given, Mapping):
        return given.get(name)
    return getattr(given, name, None)


def _named(given: Any) -> str:
    names = f" with {', '.join(map(str, given))}" if isinstance(given, Mapping) else ""
    return f"a {type(given).__name__}{names}"
