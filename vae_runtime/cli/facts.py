"""A manifest as a table for people: names, figures with their units, nested ones on lines of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import VAEError
from ..printable import printable

if TYPE_CHECKING:
    from ..model.manifest import Manifest

UNITS = {"nats": "nats", "db": "dB", "seconds": "s", "ms": "ms", "mb": "MB", "bytes": "bytes", "speedup": "times"}

WIDEST = 60  # a name, to which the others are padded; somebody else's manifest may have longer ones
Row = tuple[str, str]


def table(manifest: Manifest, folder: Path, *, large: bool = False) -> list[str]:
    """Lines of two columns, the second beginning two spaces after the longest name that is not beyond all measure."""
    rows = [(printable(name), printable(fact)) for name, fact in _rows(manifest, folder, large)]
    width = max(len(name) for name, _ in rows if len(name) <= WIDEST)
    return [f"{name:{width}}  {fact}".rstrip() for name, fact in rows]


def _rows(manifest: Manifest, folder: Path, large: bool) -> Iterator[Row]:
    channels, height, width = manifest.image.shape
    parameters = "".join(f", {name} {_figures(value)}" for name, value in manifest.likelihood.parameters.items())
    colours = f"{channels} channel{'s' * (channels > 1)}, mode {manifest.image.mode}"
    yield "model", f"{manifest.name} ({folder})"
    yield "images", f"{width}x{height}, {colours}"
    yield "fit", f"{manifest.image.fit}, {manifest.image.resample}{', inverted' * manifest.image.invert}"
    latent = manifest.latent
    scaling = f", scale {latent.scale:g}, shift {latent.shift:g}" if (latent.scale, latent.shift) != (1, 0) else ""
    yield "latent", "x".join(map(str, latent.shape)) + scaling
    yield "prior", manifest.prior
    if manifest.labels:
        yield "labels", ", ".join(label.name for label in manifest.labels)
    yield "posterior", manifest.posterior
    yield "likelihood", manifest.likelihood.family + parameters
    yield "scores", ", ".join(manifest.scores)
    yield "license", manifest.license
    yield "pair id", manifest.pair_id
    yield "manifest sha256", manifest.digest
    yield "needs", f"onnxruntime {manifest.min_onnxruntime} or newer"
    yield "graphs", ""
    for role, graph in manifest.graphs.items():
        for precision, file in graph.items():
            yield f"  {role} {precision}", f"{file.bytes:,} bytes"
    yield "memory at most", "of a process with the model open, one call at a time on the CPU"
    for precision in manifest.precisions:
        yield f"  {precision}", _memory(folder, manifest, precision, large)
    yield "calibration", "" if manifest.calibration else "none: no p-values, no --false-alarm-rate"
    for method, scores in manifest.calibration.items():
        yield f"  {method}", f"{len(scores):,} score{'s' * (len(scores) > 1)}"
    yield "training", "" if manifest.training else "nothing is noted"
    yield from _nested(manifest.training)


def _memory(folder: Path, manifest: Manifest, precision: str, large: bool) -> str:
    from ..model.folder import memory

    try:
        return f"{memory(folder, precision, manifest.digest, large=large) / 1e6:,.0f} MB"
    except VAEError as error:  # the rest of the table is true all the same
        return f"unknown: {error}"


def _nested(figures: Mapping[str, Any], depth: int = 1, units: tuple[str, ...] = ()) -> Iterator[Row]:
    for name, figure in figures.items():
        words = name.split("_")
        here = tuple(UNITS[word] for word in words if word in UNITS) or units
        shown = "  " * depth + " ".join(word for word in words if UNITS.get(word, "times") == "times")
        if isinstance(figure, Mapping):
            yield shown, ""
            yield from _nested(figure, depth + 1, here)
        elif isinstance(figure, list):
            yield shown, f"{len(figure)} numbers, in vae info --json"
        else:
            yield shown, _with_unit(figure, here)


def _with_unit(figure: Any, units: tuple[str, ...]) -> str:
    if isinstance(figure, bool) or not isinstance(figure, (int, float)):
        return str(figure)
    text = f"{figure:,}" if isinstance(figure, int) else f"{figure:,.6g}"
    return f"{text} {units[0]}" if units else text


def _figures(parameter: float | tuple[float, ...]) -> str:
    """A parameter of a likelihood: one number, or one for each channel."""
    numbers = parameter if isinstance(parameter, tuple) else (parameter,)
    return " ".join(f"{number:g}" for number in numbers)
