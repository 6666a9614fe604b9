"""A model folder opened: manifest read, bytes checked, sessions started, the graphs checked to be of one export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError, IntegrityError, ProviderError
from ..maths.labels import LabelledPrior, Labels
from . import manifest as manifests
from .gate import check_graph
from .integrity import HeldFile, read_file
from .limits import LARGE, USUAL, Limits, limits_of, remedy
from .manifest import DETECTOR, FORMAT_VERSION, Manifest
from .memory import Footprint, needed
from .opened import Model
from .prior import PRIORS, Signature
from .sessions import Session, import_onnxruntime
from .sides import BATCH, Shape
from .steady import again_if_replaced


def open_model(
    folder: Path,
    *,
    providers: tuple[str, ...],
    threads: int | None,
    precision: str,
    digest: str | None = None,
    large: bool = False,
) -> Model:
    """Open the model of a folder on exactly these providers; the rest as of `VAE.load`."""
    limits = limits_of(large=large)
    manifest, graphs = again_if_replaced(folder, lambda: _read(folder, precision, digest, limits))
    _require_version(manifest)
    footprints, sessions = _footprints(folder, manifest, graphs, limits), {}
    for role, footprint in footprints.items():
        graph = graphs.pop(role)
        sessions[role] = Session(
            graph.content,
            graph.name,
            providers=providers,
            threads=threads,
            kernels=footprint.kernels,
            rows=footprint.rows,
            most=footprint.most,
            reopen=graph.held.read,
        )
    prior, labels = PRIORS[manifest.prior].opened(sessions), _labels(manifest)
    prior = LabelledPrior(prior, labels) if labels else prior
    encoder, decoder = sessions["encoder"], sessions["decoder"]
    return Model(manifest, encoder, decoder, prior, labels, sessions.get(DETECTOR), footprints)


def _labels(manifest: Manifest) -> Labels | None:
    """The Gaussians of a manifest's labels, where it has some."""
    if not manifest.labels:
        return None
    shape = (len(manifest.labels), *manifest.latent.shape)
    return Labels(
        names=tuple(label.name for label in manifest.labels),
        mean=np.array([label.mean for label in manifest.labels], np.float32).reshape(shape),
        logvar=np.array([label.logvar for label in manifest.labels], np.float32).reshape(shape),
    )


class _Graph(NamedTuple):
    name: str
    content: bytes
    held: HeldFile


def _read(folder: Path, precision: str, digest: str | None, limits: Limits) -> tuple[Manifest, dict[str, _Graph]]:
    """The manifest and its graphs by role; all are read before the first is opened, which takes longer."""
    manifest = manifests.read(folder, digest=digest, limits=limits)
    if precision not in manifest.precisions:
        there = ", ".join(manifest.precisions)
        raise InputError(f"the model {manifest.name!r} has no graphs of precision {precision!r}; it has {there}.")
    graphs = {}
    for role, precisions in manifest.graphs.items():
        file = precisions.get(precision, precisions["float32"])  # graphs that gain nothing from it stay float32
        held = HeldFile(folder, file)
        graphs[role] = _Graph(file.file, read_file(folder, file), held)
    return manifest, graphs


def memory(folder: Path, precision: str, digest: str, *, large: bool = False) -> int:
    """How many bytes a process needs at most that opens the model and calls it on the CPU, one call at a time."""
    limits = limits_of(large=large)
    manifest, graphs = again_if_replaced(folder, lambda: _read(folder, precision, digest, limits))
    return needed(_footprints(folder, manifest, graphs, limits).values())


def _footprints(folder: Path, manifest: Manifest, graphs: Mapping[str, _Graph], limits: Limits) -> dict[str, Footprint]:
    """What each graph costs, by role; refused as soon as those before and it cost too much."""
    costs = dict[str, Footprint]()
    for role, graph in graphs.items():
        costs[role] = check_role(graph.content, graph.name, role, manifest, limits)
        if (memory := needed(costs.values())) > limits.memory:
            raise IntegrityError(
                f"the graphs of {folder} need up to {memory:,} bytes of memory together, more than {limits.memory:,}; "
                f"they were not opened. {remedy(limits, large_enough=memory <= LARGE.memory)}"
            )
    return costs


def check_role(content: bytes, name: str, role: str, manifest: Manifest, limits: Limits = USUAL) -> Footprint:
    """Check the graph of a role of a model that a manifest describes, deterministic; an IntegrityError names it."""
    inputs, outputs = _signature(role, manifest)
    expected = stamps(role, manifest.pair_id, manifest.format_version)
    return check_graph(content, name, inputs=inputs, outputs=outputs, stamps=expected, limits=limits)


def stamps(role: str, pair_id: str, version: int = FORMAT_VERSION) -> dict[str, str]:
    """What a graph's metadata must say for it to be this role of this pair."""
    return {"vae.format_version": str(version), "vae.role": role, "vae.pair_id": pair_id}


def _require_version(manifest: Manifest) -> None:
    installed = import_onnxruntime().__version__
    if _numbers(installed) < _numbers(manifest.min_onnxruntime):
        raise ProviderError(
            f"the model {manifest.name!r} needs onnxruntime {manifest.min_onnxruntime} or newer, this is {installed}."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _signature(role: str, manifest: Manifest) -> Signature:
    """Inputs and outputs of a graph by name."""
    shape, latent = manifest.image.shape, manifest.latent.shape
    images: Shape = (BATCH, *shape)
    latents: Shape = (BATCH, *latent)
    encoded = ("mean", "logvar") if manifest.has_posterior else ("mean",)
    expected: dict[str, Signature] = {
        "encoder": ({"images": images}, dict.fromkeys(encoded, latents)),
        "decoder": ({"z": latents}, dict.fromkeys(("images", *manifest.likelihood.decoded), images)),
        DETECTOR: ({"images": images}, {"faults": (BATCH, *shape[1:])}),
        **PRIORS[manifest.prior].graphs(latent),
    }
    return expected[role]
