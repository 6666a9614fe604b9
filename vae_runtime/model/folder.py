"""A model folder opened: manifest read, bytes checked, sessions started, the graphs checked to be of one export."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, ProviderError
from . import manifest as manifests
from .gate import check_graph
from .integrity import HeldFile, read_file
from .manifest import DETECTOR, FORMAT_VERSION, Manifest
from .prior import Flow
from .sessions import Session, import_onnxruntime
from .shapes import BATCH, Shape
from .steady import again_if_replaced


class Model(NamedTuple):
    """An open model."""

    manifest: Manifest
    encoder: Session
    decoder: Session
    flow: Flow | None  # the learned prior, where the manifest has one
    detector: Session | None  # of faults, where the manifest has one


def open_model(
    folder: Path, *, providers: tuple[str, ...], threads: int | None, precision: str, digest: str | None = None
) -> Model:
    """Open the model of a folder on exactly these providers; digest: the sha256 that its manifest must have."""
    manifest, graphs = again_if_replaced(folder, lambda: _read(folder, precision, digest))
    sessions = {}
    for role in manifest.graphs:
        graph, (inputs, outputs) = graphs.pop(role), _signature(role, manifest)
        stamped = stamps(role, manifest.pair_id)
        kernels = check_graph(graph.content, graph.name, inputs=inputs, outputs=outputs, stamps=stamped)
        sessions[role] = Session(
            graph.content, graph.name, providers=providers, threads=threads, kernels=kernels, reopen=graph.held.read
        )
    flow = Flow(sessions["prior_sample"], sessions["prior_log_prob"]) if manifest.prior == "flow" else None
    return Model(manifest, sessions["encoder"], sessions["decoder"], flow, sessions.get(DETECTOR))


class _Graph(NamedTuple):
    name: str
    content: bytes
    held: HeldFile


def _read(folder: Path, precision: str, digest: str | None) -> tuple[Manifest, dict[str, _Graph]]:
    """The manifest and its graphs by role; all are read before the first is opened, which takes longer."""
    manifest = manifests.read(folder, digest=digest)
    _require_version(manifest)
    if precision not in manifest.precisions:
        there = ", ".join(manifest.precisions)
        raise InputError(f"the model {manifest.name!r} has no graphs of precision {precision!r}; it has {there}.")
    graphs = {}
    for role, precisions in manifest.graphs.items():
        file = precisions.get(precision, precisions["float32"])  # graphs that gain nothing from it stay float32
        held = HeldFile(folder, file)
        graphs[role] = _Graph(file.file, read_file(folder, file), held)
    return manifest, graphs


def stamps(role: str, pair_id: str) -> dict[str, str]:
    """What a graph's metadata must say for it to be this role of this pair."""
    return {"vae.format_version": str(FORMAT_VERSION), "vae.role": role, "vae.pair_id": pair_id}


def _require_version(manifest: Manifest) -> None:
    found = import_onnxruntime().__version__
    if _numbers(found) < _numbers(manifest.min_onnxruntime):
        raise ProviderError(
            f"the model {manifest.name!r} needs onnxruntime {manifest.min_onnxruntime} or newer, this is {found}."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _signature(role: str, manifest: Manifest) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Inputs and outputs of a graph by name."""
    images: Shape = (BATCH, *manifest.image.shape)
    latents: Shape = (BATCH, manifest.latent_size)
    expected: dict[str, tuple[dict[str, Shape], dict[str, Shape]]] = {
        "encoder": ({"images": images}, {"mean": latents, "logvar": latents}),
        "decoder": ({"z": latents}, {"images": images}),
        DETECTOR: ({"images": images}, {"faults": (BATCH, *manifest.image.shape[1:])}),
        "prior_sample": ({"eps": latents}, {"z": latents}),
        "prior_log_prob": ({"z": latents}, {"eps": latents, "log_prob": (BATCH,)}),
    }
    return expected[role]
