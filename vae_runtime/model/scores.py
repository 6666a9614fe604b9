"""Scores: one object for each, with what it needs of a model, its map, and its line of help; one table, `SCORES`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import InputError
from .lacking import lacking
from .location import is_built_in

if TYPE_CHECKING:  # the command line reads the table for its help, and loads no numpy for it
    import numpy as np
    import numpy.typing as npt

    from ..maths.posterior import Posterior
    from .contents import Manifest

    Float32 = npt.NDArray[np.float32]
    Float64 = npt.NDArray[np.float64]

Place = str | os.PathLike[str] | None  # of a model, as the caller named it; None is the built-in one

DETECTOR = "detector"  # the role of the graph that finds faults


class Said(Protocol):
    """What a model says of some images at z = their posterior mean: all that a score may be computed from."""

    @property
    def images(self) -> Float32:
        """[batch, channels, height, width]."""

    @property
    def posterior(self) -> Posterior:
        """q(z|x)."""

    @property
    def mean_image(self) -> Float32:
        """The mean of p(x|z), as the images."""

    @property
    def log_likelihood(self) -> Float64:
        """log p(x|z), nats: [batch]."""

    @property
    def log_ratio(self) -> Float64:
        """log p(z) - log q(z|x), nats: [batch]."""

    @property
    def log_likelihood_map(self) -> Float32:
        """log p(x|z) by pixels, nats: [batch, height, width]."""

    @property
    def faults(self) -> Float32:
        """Log-odds of a fault by pixels, of models with a detector: [batch, height, width]."""


class Need(NamedTuple):
    """What a model must have for a score, and what to say to one that has not."""

    is_met: Callable[[Manifest], bool]
    refusal: Callable[[Manifest, str, Place], str]  # model, name of the score, place -> a sentence


class Map(NamedTuple):
    """Where images are strange, for one score."""

    compute: Callable[[Said], Float32]  # [batch, height, width]
    window: int  # pixels of the square that it is smoothed over, where nobody asks for another
    scale: Callable[[Float32, int], tuple[float, float]]  # a map, channels -> where red begins and is full


@dataclass(frozen=True)
class Score:
    """How strange images are: float64 [batch], higher is stranger."""

    name: str
    help: str  # in a line
    compute: Callable[[Said], Float64]
    needs: tuple[Need, ...] = ()
    map: Map | None = None  # of its own; the others are shown by that of the reconstruction
    unit: str | None = "nats"  # log-odds are nats; None is the unit of the likelihood

    def is_of(self, manifest: Manifest) -> bool:
        """Whether a model has it."""
        return all(need.is_met(manifest) for need in self.needs)

    def unit_of(self, manifest: Manifest) -> str:
        """What a model's scores are in: "nats", or "squared error" where there is no likelihood."""
        return self.unit or manifest.likelihood.unit

    @property
    def shown_by(self) -> str:
        """The score whose map shows best where images are strange to this one."""
        return self.name if self.map else "reconstruction"


AN_ELBO = Need(
    is_met=lambda manifest: manifest.has_elbo,
    refusal=lambda manifest, method, _: _refused(manifest, method),
)
PRIOR_AND_POSTERIOR = Need(
    is_met=lambda manifest: manifest.has_prior and manifest.has_posterior,
    refusal=lambda manifest, method, _: _refused(manifest, method),
)
BINARY_PIXELS = Need(
    is_met=lambda manifest: manifest.likelihood.binary,
    refusal=lambda manifest, method, _: (
        f"the method {method!r} is of Bernoulli models, and the likelihood of {manifest.name!r} is "
        f"{manifest.likelihood.family}; take one of {', '.join(manifest.scores)}."
    ),
)
A_DETECTOR = Need(
    is_met=lambda manifest: DETECTOR in manifest.graphs,
    refusal=lambda manifest, _, place: (
        f"the model {manifest.name!r} has no detector of faults. Train one beside its run and export both: "
        f"vae detector RUN && vae export RUN {_new_folder(place)}"
    ),
)


def _refused(manifest: Manifest, method: str) -> str:
    """What to say where one of the three densities is missing."""
    return (
        f"the model {manifest.name!r} has {lacking(manifest)}, so no method {method!r}; take one of "
        f"{', '.join(manifest.scores)}."
    )


def _above_its_middle(strangeness: Float32, channels: int) -> tuple[float, float]:
    """From the picture's middle pixel to 2 nats a channel above it."""
    import numpy as np

    middle = float(np.median(strangeness))
    return middle, middle + 2.0 * channels


def _beyond_its_code(said: Said) -> Float64:
    from ..maths.complexity import code_length

    return -said.log_likelihood - said.log_ratio - code_length(said.images)


_ALL = (
    Score(
        "elbo",
        "minus the log importance weight at the posterior's mean",
        lambda said: -said.log_likelihood - said.log_ratio,
        needs=(AN_ELBO,),
    ),
    Score(
        "reconstruction",
        "minus log p(x|z), what the decoder cannot say of the picture; without a likelihood its squared error",
        lambda said: -said.log_likelihood,
        map=Map(lambda said: -said.log_likelihood_map, window=5, scale=_above_its_middle),
        unit=None,
    ),
    Score(
        "kl",
        "log q(z|x) - log p(z), how far its latent is out",
        lambda said: -said.log_ratio,
        needs=(PRIOR_AND_POSTERIOR,),
    ),
    Score(
        "complexity",
        "elbo less the nats that a simple code takes, of Bernoulli models",
        _beyond_its_code,
        needs=(BINARY_PIXELS, AN_ELBO),
    ),
    Score(
        "faults",
        "the highest log-odds of a fault at any place, of models with a detector",
        lambda said: said.faults.max(axis=(1, 2)).astype(float),
        needs=(A_DETECTOR,),
        # Its numbers are smooth as they are. Red begins at even odds, and is full at e^4 to 1.
        map=Map(lambda said: said.faults, window=1, scale=lambda strangeness, channels: (0.0, 4.0)),
    ),
)
SCORES: Mapping[str, Score] = {score.name: score for score in _ALL}
MAPS = tuple(score.name for score in _ALL if score.map)  # those that have one


def require_score(manifest: Manifest, method: str | None, place: Place) -> Score:
    """The score of this name, None the usual one; an InputError where there is none, or this model does not have it."""
    method = manifest.usual_score if method is None else method
    if method not in SCORES:
        raise InputError(f"method is {method!r}; expected one of {', '.join(manifest.scores)}.")
    score = SCORES[method]
    for need in score.needs:
        if not need.is_met(manifest):
            raise InputError(need.refusal(manifest, method, place))
    return score


def require_map(manifest: Manifest, method: str, place: Place) -> Map:
    """The map of the score of this name; an InputError where there is none, or the model does not have it."""
    score = SCORES.get(method)
    if score is None or score.map is None:
        raise InputError(f"method is {method!r}; expected {' or '.join(map(repr, MAPS))}.")
    require_score(manifest, method, place)
    return score.map


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
