"""Pictures that are larger than a model's images: scored at full resolution, window by window, and mapped whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .model.scores import MAPS, require_score
from .passes import score_all
from .pictures.decoded import Picture
from .pictures.pixels import from_uint8
from .pictures.reading import open_picture
from .pictures.sources import Source
from .pictures.tiling import Mosaic, cut
from .vae import VAE


class TiledScores(NamedTuple):
    """How strange a large picture is, and where.

    scores: of each method that of the strangest window, nats. map: float32 [rows, columns], nats a pixel: at each place
    the mean over the windows that show it; None where none was asked for. step: each place of the map is a square of so
    many pixels of the picture, 1 unless it has more than 2^20.
    """

    scores: dict[str, float]
    map: npt.NDArray[np.float32] | None
    step: int


def score_tiled(
    vae: VAE, picture: Source | Picture, *, methods: Sequence[str] | None = None, map_of: str | None = None
) -> TiledScores:
    """Score a picture of any size by its windows, deterministic; each is encoded and decoded once for all of it.

    Windows have the size of the model's images and overlap by half or a little more; nothing is scaled, but a side
    that is smaller than a window is stretched to one. picture: a path, bytes, an open binary file or a Pillow image, as
    of `read_images`. methods: of `VAE.score`; None is its usual one. map_of: None, or "reconstruction" or
    "faults", as of `VAE.anomaly_map`. A method that the model does not have is an InputError.
    """
    methods = [vae.manifest.usual_score] if methods is None else methods
    _check(vae, methods, map_of)
    spec = vae.manifest.image
    with _opened(picture) as whole:
        mosaic, highest = Mosaic(whole.size, spec), []
        for windows, places in cut(whole, spec):
            scored = score_all(vae, from_uint8(windows), methods, map_of=map_of)
            highest.append([scored.scores[method].max() for method in methods])
            if scored.maps is not None:
                mosaic.add(scored.maps, places)
    scores = dict(zip(methods, np.max(highest, axis=0).tolist(), strict=True))
    return TiledScores(scores, mosaic.whole() if map_of else None, mosaic.step)


def _check(vae: VAE, methods: Sequence[str], map_of: str | None) -> None:
    if isinstance(methods, str):
        raise InputError(f"methods is {methods!r}; expected a list, such as [{methods!r}].")
    if not methods:
        raise InputError("methods are none; expected one or more of VAE.score's.")
    if map_of not in (None, *MAPS):
        raise InputError(f"map_of is {map_of!r}; expected {' or '.join(map(repr, MAPS))}, or None for no map.")
    for method in (*methods, *([map_of] if map_of else [])):
        require_score(vae.manifest, method, vae._place)


@contextlib.contextmanager
def _opened(picture: Source | Picture) -> Iterator[Picture]:
    """A picture that is open already stays so."""
    if isinstance(picture, Picture):
        yield picture
        return
    with open_picture(picture) as opened:
        yield opened
