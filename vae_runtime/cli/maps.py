"""Scores of the pictures of a verb, and beside them, where asked for, pictures of where each is strange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .inputs import Inputs
from .trees import write_rows_below

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..pictures.decoded import Picture
    from ..spec import ImageSpec
    from ..vae import VAE

    Scores = Iterator[tuple[list[str], npt.NDArray[np.float64]]]

Places = Mapping[str, Path]  # where the map of each path goes; none where none are asked for


def score_batches(vae: VAE, inputs: Inputs, method: str, places: Places) -> Scores:
    """Paths and scores of pictures that are fitted to the model, a batch at a time."""
    from ..passes import score_all
    from ..pictures.reading import open_picture

    kind = _kind(method) if places else None
    for paths, images in inputs.batches():
        scored = score_all(vae, images, [method], map_of=kind)
        for path, strangeness in [] if scored.maps is None else zip(paths, scored.maps, strict=True):
            with open_picture(path) as picture:
                _write_map(places[path], picture, strangeness, vae.manifest.image, kind)
        yield paths, scored.scores[method]


def score_windows(vae: VAE, inputs: Inputs, method: str, places: Places) -> Scores:
    """The same of pictures at full resolution, one at a time: each scores as its strangest window."""
    import numpy as np

    from ..tiled import score_tiled

    kind = _kind(method) if places else None
    for path, picture in inputs.opened():
        tiled = score_tiled(vae, picture, methods=[method], map_of=kind)
        if tiled.map is not None:
            _write_map(places[path], picture, tiled.map, vae.manifest.image, kind)
        yield [path], np.array([tiled.scores[method]])


def _kind(method: str) -> str:
    """Which map shows best what a score has found."""
    return "faults" if method == "faults" else "reconstruction"


def _write_map(
    place: Path, picture: Picture, strangeness: npt.NDArray[np.float32], spec: ImageSpec, kind: str | None
) -> None:
    """Red begins where a pixel is as strange as the picture's middle one, and is full at 2 nats a channel above it.

    Of faults it begins at even odds, and is full at e^4 to 1. A map that is larger than the model's images is of
    windows, and covers the whole picture.
    """
    import numpy as np

    from ..pictures.overlay import overlay

    low, reach = (0.0, 4.0) if kind == "faults" else (float(np.median(strangeness)), 2.0 * spec.shape[0])
    if strangeness.shape != spec.shape[1:]:
        spec = replace(spec, shape=(spec.shape[0], *strangeness.shape), fit="stretch")
    write_rows_below(place, picture.size, overlay(picture, strangeness, spec, low=low, high=low + reach))
