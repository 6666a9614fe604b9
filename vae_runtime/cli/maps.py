"""Scores of the pictures of a verb, and beside them, where asked for, pictures of where each is strange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.scores import SCORES
from .inputs import Inputs
from .trees import write_rows_below

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..model.contents import Manifest
    from ..pictures.decoded import Picture
    from ..vae import VAE

    Scores = Iterator[tuple[list[str], npt.NDArray[np.float64]]]

Places = Mapping[str, Path]  # where the map of each path goes; none where none are asked for


def score_batches(vae: VAE, inputs: Inputs, method: str, places: Places) -> Scores:
    """Paths and scores of pictures that are fitted to the model, a batch at a time."""
    from ..passes import score_all
    from ..pictures.reading import open_picture

    kind = SCORES[method].shown_by if places else None
    for paths, images in inputs.batches():
        scored = score_all(vae, images, [method], map_of=kind)
        for path, strangeness in [] if scored.maps is None else zip(paths, scored.maps, strict=True):
            with open_picture(path) as picture:
                _write_map(places[path], picture, strangeness, vae.manifest, kind)
        yield paths, scored.scores[method]


def score_windows(vae: VAE, inputs: Inputs, method: str, places: Places) -> Scores:
    """The same of pictures at full resolution, one at a time: each scores as its strangest window."""
    import numpy as np

    from ..tiled import score_tiled

    kind = SCORES[method].shown_by if places else None
    for path, picture in inputs.opened():
        tiled = score_tiled(vae, picture, methods=[method], map_of=kind)
        if tiled.map is not None:
            _write_map(places[path], picture, tiled.map, vae.manifest, kind)
        yield [path], np.array([tiled.scores[method]])


def _write_map(
    place: Path, picture: Picture, strangeness: npt.NDArray[np.float32], manifest: Manifest, kind: str | None
) -> None:
    """Red begins and is full where the map's `scale` says.

    A map that is larger than the model's images is of windows, and covers the whole picture.
    """
    from ..pictures.overlay import overlay

    shown, spec = SCORES[kind or ""].map, manifest.image
    assert shown
    low, high = shown.scale(strangeness, manifest)
    if strangeness.shape != spec.shape[1:]:
        spec = replace(spec, shape=(spec.shape[0], *strangeness.shape), fit="stretch")
    write_rows_below(place, picture.size, overlay(picture, strangeness, spec, low=low, high=high))
