"""A model folder opened: manifest read, bytes checked, sessions started, the graphs checked to be of one export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, IntegrityError, ProviderError
from . import manifest as manifests
from .gate import check_graph
from .integrity import read_file
from .limits import MOST_MEMORY
from .manifest import DETECTOR, FORMAT_VERSION, Manifest, ModelFile
from .memory import Footprint, needed
from .prior import Flow
from .sessions import Session, import_onnxruntime
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
    manifest = manifests.read(folder, digest=digest)
    _require_version(manifest)
    if precision not in manifest.precisions:
        there = ", ".join(manifest.precisions)
        raise InputError(f"the model {manifest.name!r} has no graphs of precision {precision!r}; it has {there}.")
    sessions, footprints = {}, dict[str, Footprint]()
    for role, file, content, footprint in _checked(folder, manifest, precision):
        footprints[role] = footprint
        reopen = partial(read_file, folder.absolute(), file)
        sessions[role] = Session(
            content,
            file.file,
            providers=providers,
            threads=threads,
            kernels=footprint.kernels,
            rows=footprint.rows,
            most=footprint.most,
            reopen=reopen,
        )
    flow = Flow(sessions["prior_sample"], sessions["prior_log_prob"]) if manifest.prior == "flow" else None
    return Model(manifest, sessions["encoder"], sessions["decoder"], flow, sessions.get(DETECTOR), footprints)


def memory(folder: Path, manifest: Manifest, precision: str) -> int:
    """How many bytes a process needs at most that opens the model and calls it on the CPU, one call at a time."""
    return needed([footprint for *_, footprint in _checked(folder, manifest, precision)])


def _checked(folder: Path, manifest: Manifest, precision: str) -> Iterator[tuple[str, ModelFile, bytes, Footprint]]:
    """Each graph that is opened, by role, with what it costs; refused as soon as those before and it cost too much."""
    footprints: list[Footprint] = []
    for role, graph in manifest.graphs.items():
        file = graph.get(precision, graph["float32"])  # graphs that gain nothing from it stay float32
        content = read_file(folder, file)
        footprints.append(
            check_role(content, file.file, role, manifest.image.shape, manifest.latent_size, manifest.pair_id)
        )
        if needed(footprints) > MOST_MEMORY:
            raise IntegrityError(
                f"the graphs of {folder} need up to {needed(footprints):,} bytes of memory together, more than "
                f"{MOST_MEMORY:,}; they were not opened. Train and export a smaller model."
            )
        yield role, file, content, footprints[-1]


def check_role(
    content: bytes, name: str, role: str, shape: tuple[int, int, int], latent_size: int, pair_id: str
) -> Footprint:
    """Check the graph of a role of a model with such images and latents, deterministic; an IntegrityError names it."""
    inputs, outputs = _signature(role, shape, latent_size)
    return check_graph(content, name, inputs=inputs, outputs=outputs, stamps=stamps(role, pair_id))


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


def _signature(role: str, shape: tuple[int, int, int], latent_size: int) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Inputs and outputs of a graph by name."""
    images: Shape = (BATCH, *shape)
    latents: Shape = (BATCH, latent_size)
    expected: dict[str, tuple[dict[str, Shape], dict[str, Shape]]] = {
        "encoder": ({"images": images}, {"mean": latents, "logvar": latents}),
        "decoder": ({"z": latents}, {"images": images}),
        DETECTOR: ({"images": images}, {"faults": (BATCH, *shape[1:])}),
        "prior_sample": ({"eps": latents}, {"z": latents}),
        "prior_log_prob": ({"z": latents}, {"eps": latents, "log_prob": (BATCH,)}),
    }
    return expected[role]
