"""A model of format version 1, made of one of version 2: what exporters wrote up to 2026-11-23."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from vae_runtime import VAE
from vae_runtime.checks.verify import replay
from vae_runtime.model.golden import read_golden
from vae_runtime.model.writing import describe


def write_version_1(source: Path, target: Path) -> Path:
    """Write the model in `source` as version 1 (docs/FORMAT.md, section 8) into the new folder `target`."""
    shutil.copytree(source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["format_version"] = 1
    (size,) = manifest["latent"]["shape"]
    manifest["latent"] = {"size": size}
    for entry in (entry for precisions in manifest["graphs"].values() for entry in precisions.values()):
        _describe(entry, target, _graph_1(onnx.load(target / entry["file"])))
    goldens = {precision: np.load(target / entry["file"]) for precision, entry in manifest["golden"].items()}
    for precision, entry in manifest["golden"].items():
        del entry["tolerance"]["logits"]
        _describe(entry, target, _arrays_1(target / entry["file"], dict(goldens[precision])))
    (target / "manifest.json").write_text(json.dumps(manifest))
    for precision, entry in manifest["golden"].items():  # again, with the likelihoods of version 1
        vae = VAE.load(target, precision=precision)
        golden = replay(vae, read_golden(target, vae.manifest, precision))
        _describe(entry, target, _arrays_1(target / entry["file"], golden.arrays))
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def _graph_1(model: onnx.ModelProto) -> bytes:
    for stamp in model.metadata_props:
        if stamp.key == "vae.format_version":
            stamp.value = "1"
        if stamp.key == "vae.latent_shape":
            stamp.key = "vae.latent_size"
    outputs = [output for output in model.graph.output if output.name != "logits"]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return bytes(model.SerializeToString())


def _arrays_1(path: Path, arrays: Mapping[str, Any]) -> bytes:
    others = {name: array for name, array in arrays.items() if name != "logits" and not name.startswith("score_")}
    np.savez(path, **others, score=arrays["score_elbo"])
    return path.read_bytes()


def _describe(entry: dict[str, Any], folder: Path, content: bytes) -> None:
    (folder / entry["file"]).write_bytes(content)
    file = describe(entry["file"], content)
    entry.update(bytes=file.bytes, sha256=file.sha256)
