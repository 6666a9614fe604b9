"""A model folder opened: manifest read, bytes checked, sessions started, the graphs checked to be of one export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, IntegrityError, ProviderError
from . import manifest as manifests
from .gate import check_graph
from .integrity import HeldFile, read_file
from .limits import MOST_MEMORY
from .manifest import DETECTOR, FORMAT_VERSION, Manifest
from .memory import Footprint, needed
from .prior import Flow
from .sessions import Session, import_onnxruntime
from .steady import again_if_replaced
from .values import BATCH, Shape


class Model(NamedTuple):
    """An open model."""

    manifest: Manifest
    encoder: Session
    decoder: Session
    flow: Flow | None  # the learned prior, where the manifest has one
    detector: Session | None  # of faults, where the manifest has one
    footprints: Mapping[str, Footprint]  # role -> what its graph costs


def open_model(
    folder: Path, *, providers: tuple[str, ...], threads: int | None, precision: str, digest: str | None = None
) -> Model:
    """Open the model of a folder on exactly these providers; digest: the sha256 that its manifest must have."""
    manifest, graphs = again_if_replaced(folder, lambda: _read(folder, precision, digest))
    _require_version(manifest)
    footprints, sessions = _footprints(folder, manifest, graphs), {}
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
    flow = Flow(sessions["prior_sample"], sessions["prior_log_prob"]) if manifest.prior == "flow" else None
    return Model(manifest, sessions["encoder"], sessions["decoder"], flow, sessions.get(DETECTOR), footprints)


class _Graph(NamedTuple):
    name: str
    content: bytes
    held: HeldFile


def _read(folder: Path, precision: str, digest: str | None) -> tuple[Manifest, dict[str, _Graph]]:
    """The manifest and its graphs by role; all are read before the first is opened, which takes longer."""
    manifest = manifests.read(folder, digest=digest)
    if precision not in manifest.precisions:
        there = ", ".join(manifest.precisions)
        raise InputError(f"the model {manifest.name!r} has no graphs of precision {precision!r}; it has {there}.")
    graphs = {}
    for role, precisions in manifest.graphs.items():
        file = precisions.get(precision, precisions["float32"])  # graphs that gain nothing from it stay float32
        held = HeldFile(folder, file)
        graphs[role] = _Graph(file.file, read_file(folder, file), held)
    return manifest, graphs


def memory(folder: Path, precision: str, digest: str) -> int:
    """How many bytes a process needs at most that opens the model and calls it on the CPU, one call at a time."""
    manifest, graphs = again_if_replaced(folder, lambda: _read(folder, precision, digest))
    return needed(_footprints(folder, manifest, graphs).values())


def _footprints(folder: Path, manifest: Manifest, graphs: Mapping[str, _Graph]) -> dict[str, Footprint]:
    """What each graph costs, by role; refused as soon as those before and it cost too much."""
    shape, latent_size, costs = manifest.image.shape, manifest.latent_size, dict[str, Footprint]()
    version, decoded = manifest.format_version, manifest.likelihood.decoded
    for role, graph in graphs.items():
        costs[role] = check_role(
            graph.content, graph.name, role, shape, latent_size, manifest.pair_id, decoded=decoded, version=version
        )
        if needed(costs.values()) > MOST_MEMORY:
            raise IntegrityError(
                f"the graphs of {folder} need up to {needed(costs.values()):,} bytes of memory together, more than "
                f"{MOST_MEMORY:,}; they were not opened. Train and export a smaller model."
            )
    return costs


def check_role(
    content: bytes,
    name: str,
    role: str,
    shape: tuple[int, int, int],
    latent_size: int,
    pair_id: str,
    *,
    decoded: tuple[str, ...],
    version: int = FORMAT_VERSION,
) -> Footprint:
    """Check the graph of a role of a model with such images and latents, deterministic; an IntegrityError names it.

    decoded: what its decoder gives beside images (`Likelihood.decoded`).
    """
    inputs, outputs = _signature(role, shape, latent_size, decoded)
    return check_graph(content, name, inputs=inputs, outputs=outputs, stamps=stamps(role, pair_id, version))


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


def _signature(
    role: str, shape: tuple[int, int, int], latent_size: int, decoded: tuple[str, ...]
) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Inputs and outputs of a graph by name."""
    images: Shape = (BATCH, *shape)
    latents: Shape = (BATCH, latent_size)
    expected: dict[str, tuple[dict[str, Shape], dict[str, Shape]]] = {
        "encoder": ({"images": images}, {"mean": latents, "logvar": latents}),
        "decoder": ({"z": latents}, dict.fromkeys(("images", *decoded), images)),
        DETECTOR: ({"images": images}, {"faults": (BATCH, *shape[1:])}),
        "prior_sample": ({"eps": latents}, {"z": latents}),
        "prior_log_prob": ({"z": latents}, {"eps": latents, "log_prob": (BATCH,)}),
    }
    return expected[role]
