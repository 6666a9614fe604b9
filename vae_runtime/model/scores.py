"""Which scores a model has and is calibrated for, and the command that gives it one that it lacks."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .location import is_built_in
from .names import SCORES

if TYPE_CHECKING:
    from .manifest import Manifest

Place = str | os.PathLike[str] | None  # of a model, as the caller named it; None is the built-in one


def require_score(manifest: Manifest, method: str, place: Place) -> None:
    """Refuse a method of `VAE.score` that there is not, or that this model does not have."""
    if method not in SCORES:
        raise InputError(f"method is {method!r}; expected one of {', '.join(manifest.scores)}.")
    if method in manifest.scores:
        return
    if method == "faults":
        raise InputError(
            f"the model {manifest.name!r} has no detector of faults. Train one beside its run and export both: "
            f"vae detector RUN && vae export RUN {_new_folder(place)}"
        )
    raise InputError(
        f"the method {method!r} is of Bernoulli models, and the likelihood of {manifest.name!r} is "
        f"{manifest.likelihood.family}; take one of {', '.join(manifest.scores)}."
    )


def calibration(manifest: Manifest, method: str, place: Place) -> tuple[float, ...]:
    """The scores that the model is calibrated with; method: of `VAE.score`, with _tiled of pictures' windows."""
    known = manifest.calibration.get(method)
    if known is None:
        require_score(manifest, method.removesuffix("_tiled"), place)
        there = f"; it is for {', '.join(manifest.calibration)}" if manifest.calibration else ""
        raise InputError(
            f"the model {manifest.name!r} has no calibration for the method {method!r}{there}. "
            f"Give it one from normal pictures: {calibrate_command(place, tiled=method.endswith('_tiled'))}"
        )
    return known


def calibrate_command(place: Place, *, tiled: bool = False, pictures: str = "FOLDER") -> str:
    """`vae calibrate` for a model: in its place, or, of the built-in one, as a copy."""
    model = "-o NEWFOLDER" if _is_built_in(place) else f"-m {_quoted(place)}"
    return f"vae calibrate {pictures} {model}{' --tile' if tiled else ''}"


def _new_folder(place: Place) -> str:
    return "NEWFOLDER" if _is_built_in(place) else f"{_quoted(place)} --replace"


def _is_built_in(place: Place) -> bool:
    return place is None or is_built_in(Path(place))


def _quoted(place: Place) -> str:
    return shlex.quote(os.fspath(place or ""))
