"""Hostile folders: a sound model with another decoder, other golden vectors, or a manifest that promises too much."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support.linear_gaussian import LinearGaussian
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import describe


def write(folder: Path, content: bytes) -> Path:
    """The sound model with this decoder."""
    shutil.rmtree(folder, ignore_errors=True)
    LinearGaussian.make().write(folder)
    return put(folder, "decoder.onnx", content)


def put(folder: Path, name: str, content: bytes) -> Path:
    """Another file in the place of one, its checksum made to fit."""
    entry = dataclasses.asdict(describe(name, content))
    manifest = json.loads((folder / manifests.FILE_NAME).read_text())
    files = [*(graph["float32"] for graph in manifest["graphs"].values()), *manifest["golden"].values()]
    next(file for file in files if file["file"] == name).update(entry)
    (folder / name).write_bytes(content)
    (folder / manifests.FILE_NAME).write_text(json.dumps(manifest))
    return folder


def goldens(sound_vectors: bytes) -> dict[str, bytes]:
    """Golden vectors that are none of the format, though numpy reads them."""
    arrays = dict(np.load(io.BytesIO(sound_vectors)))

    def changed(**others: object) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, **others})
        return buffer.getvalue()

    deflated, twice, lying = io.BytesIO(), io.BytesIO(sound_vectors), io.BytesIO()
    np.savez_compressed(deflated, **arrays)
    with zipfile.ZipFile(twice, "a") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("mean.npy", archive.read("mean.npy"))
    np.savez(lying, **{name: array for name, array in arrays.items() if name != "eps"})
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**40, 2)}
    with zipfile.ZipFile(lying, "a") as archive, io.BytesIO() as array:
        np.lib.format.write_array_header_1_0(array, header)
        archive.writestr("eps.npy", array.getvalue())
    none = {name: array[:0] for name, array in arrays.items() if array.ndim}
    return {
        "of no image": changed(**none),
        "compressed": deflated.getvalue(),
        "with a member twice": twice.getvalue(),
        "of complex numbers": changed(mean=arrays["mean"].astype("c8")),
        "of double precision": changed(mean=arrays["mean"].astype("f8")),
        "big-endian": changed(mean=arrays["mean"].astype(">f4")),
        "with an array more": changed(more=arrays["mean"]),
        "of no draws": changed(draws=np.array(0)),
        "of many draws": changed(draws=np.array(2**62)),
        "of NaN": changed(kl=arrays["kl"] * np.nan),
        "of images beyond 1": changed(images=arrays["images"] + 1),
        "of other shapes": changed(z=arrays["z"][:, :1]),
        "with a header that lies": lying.getvalue(),
        "with a comment": sound_vectors[:-2] + b"\1\0x",
        "with bytes before it": b"x" * 100 + sound_vectors,
    }


def digest(content: bytes) -> str:
    """As manifests have it."""
    return hashlib.sha256(content).hexdigest()


def _sparse(folder: Path) -> None:
    """A graph of two gigabytes of nothing, as the manifest says."""
    _changed(folder, "decoder.onnx", 2**31 - 1)


def _promised(folder: Path) -> None:
    manifest = json.loads((folder / manifests.FILE_NAME).read_text())
    manifest["graphs"]["decoder"]["float32"]["bytes"] = 2**31 - 1
    (folder / manifests.FILE_NAME).write_text(json.dumps(manifest))


def _changed(folder: Path, name: str, size: int) -> None:
    _promised(folder)
    with (folder / name).open("r+b") as file:
        file.truncate(size)


def _cards(folder: Path) -> None:
    """Many cards of nothing, and large ones."""
    manifest = json.loads((folder / manifests.FILE_NAME).read_text())
    sizes = [*[0] * 4000, *[2**26] * 4]
    for number, size in enumerate(sizes):
        with (folder / f"card{number}").open("wb") as file:
            file.truncate(size)
        manifest["card"].append({"file": f"card{number}", "bytes": size, "sha256": digest(bytes(size))})
    (folder / manifests.FILE_NAME).write_text(json.dumps(manifest))


FOLDERS: dict[str, Callable[[Path], None]] = {
    "a graph of 2 GB of nothing": _sparse,
    "a manifest that says 2 GB": _promised,
    "four thousand cards": _cards,
}
