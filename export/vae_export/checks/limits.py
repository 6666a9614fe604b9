"""What the graphs of an export cost whoever opens them, by the gate that every reader has."""

from __future__ import annotations

from vae_runtime.errors import IntegrityError
from vae_runtime.model.folder import check_role
from vae_runtime.model.limits import LARGE, USUAL, Limits
from vae_runtime.model.memory import Footprint, needed
from vae_runtime.model.values import TooMuchError

from ..draft import Draft
from ..errors import ExportError


def within_limits(draft: Draft) -> tuple[dict[str, Footprint], Limits]:
    """What each graph costs, and the limits that the model is within; an ExportError where there are none.

    A run is held to the usual limits; a model that somebody else trained may need those of large ones.
    """
    try:
        costs = _costs(draft, USUAL)
        if needed(costs.values()) <= USUAL.memory or not draft.source.may_be_large:
            return costs, USUAL
    except IntegrityError as error:
        if not draft.source.may_be_large:
            raise
        if not isinstance(error.__cause__, TooMuchError):
            raise ExportError(f"the gate of the format refuses a graph of this model: {error}") from error
    try:
        return _costs(draft, LARGE), LARGE
    except IntegrityError as error:
        raise ExportError(
            f"the model is too large for the format ({error.__cause__}); export it for smaller pictures (image=), and "
            "encode larger ones by windows."
        ) from error


def _costs(draft: Draft, limits: Limits) -> dict[str, Footprint]:
    return {
        role: check_role(draft.contents[f"{role}.onnx"], f"{role}.onnx", role, draft.manifest, limits)
        for role in draft.manifest.graphs
    }
