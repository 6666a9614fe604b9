"""The part of a manifest that names files: graphs by role and precision, golden vectors with their tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import ManifestError
from .contents import Golden, ModelFile
from .lacking import NONE
from .limits import LARGE
from .scores import DETECTOR
from .strict_json import Reader

PRECISIONS = ("float32", "int8")


def read_graphs(reader: Reader, roles: tuple[str, ...]) -> Mapping[str, Mapping[str, ModelFile]]:
    """Each role's files by precision; roles: those that the model must have."""
    graphs = {}
    for role in (*roles, *((DETECTOR,) if DETECTOR in reader else ())):
        graph = reader.object(role)
        if "float32" not in graph:
            raise ManifestError(f"the manifest has no float32 {role}.")
        precisions = [precision for precision in PRECISIONS if precision in graph]
        graphs[role] = MappingProxyType(
            {precision: read_file_entry(graph.object(precision)) for precision in precisions}
        )
        graph.end()
    reader.end()
    return MappingProxyType(graphs)


def read_goldens(
    reader: Reader, graphs: Mapping[str, Mapping[str, ModelFile]], tensors: tuple[str, ...]
) -> Mapping[str, Golden]:
    """Golden vectors for every precision that some graph has."""
    there = [precision for precision in PRECISIONS if any(precision in graph for graph in graphs.values())]
    goldens = {precision: _golden(reader.object(precision), tensors) for precision in there}
    reader.end()
    return MappingProxyType(goldens)


def _golden(reader: Reader, tensors: tuple[str, ...]) -> Golden:
    tolerances = reader.object("tolerance")
    tolerance = {name: tolerances.positive(name) for name in tensors}
    tolerances.end()
    return Golden(file=read_file_entry(reader, LARGE.golden_bytes), tolerance=MappingProxyType(tolerance))


def golden_tensors(*, prior: str, posterior: str, decoded: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of tensors that golden vectors of a model of these families hold, by the names of their tolerances."""
    logvar, z = ("logvar",) if posterior != NONE else (), ("z",) if prior != NONE else ()
    return ("mean", *logvar, *z, "images", *decoded, "nats")


def read_file_entry(reader: Reader, limit: int = LARGE.file_bytes) -> ModelFile:
    """One file, by a plain name."""
    # No separator, no drive, no dot at either end: no way out of the folder.
    file = ModelFile(
        file=reader.matching(
            "file", r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?", "a plain file name inside the folder"
        ),
        bytes=reader.size("bytes", minimum=0, limit=limit),
        sha256=reader.matching("sha256", r"[0-9a-f]{64}", "64 hexadecimal digits"),
    )
    reader.end()
    return file
