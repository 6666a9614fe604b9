"""What a model without a prior, a posterior or a likelihood cannot do: one sentence each, which says what it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .contents import Manifest

NONE = "none"  # the family of a prior, posterior or likelihood that a model does not have


def lacking(manifest: Manifest) -> str:
    """Which of the three a model does not have, as "no prior and no likelihood"; "" of one that has all."""
    families = {"prior": manifest.prior, "posterior": manifest.posterior, "likelihood": manifest.likelihood.family}
    missing = [f"no {part}" for part, family in families.items() if family == NONE]
    *most, last = missing or [""]
    return f"{', '.join(most)} and {last}" if most else last


def require_prior(manifest: Manifest, what: str) -> None:
    """Refuse what needs a p(z): "sample", "spherical interpolation" …"""
    if not manifest.has_prior:
        raise InputError(
            f"the model {manifest.name!r} has no prior, and {what} needs one: it can encode, decode, reconstruct and "
            "interpolate along a line."
        )


def require_posterior(manifest: Manifest, what: str) -> None:
    """Refuse what needs a q(z|x) that can be drawn from."""
    if not manifest.has_posterior:
        raise InputError(
            f"the model {manifest.name!r} has no posterior, for its encoder is deterministic, and {what} draws from "
            "one; reconstruct gives the one image that it has for each."
        )


def require_elbo(manifest: Manifest) -> None:
    """Refuse a bound on log p(x) where not all of its three densities are there."""
    if not manifest.has_elbo:
        raise InputError(
            f"the model {manifest.name!r} has {lacking(manifest)}, so there is no ELBO; score it by 'reconstruction'."
        )
