"""A model folder laid out for inference servers: a Triton model repository, and a KServe manifest in it.

A rearrangement and nothing else: the graphs are the folder's own bytes. The layout is that of docs/SERVING.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vae_runtime.checks.verify import verify
from vae_runtime.errors import InputError
from vae_runtime.files import new_folder, write_files
from vae_runtime.model import integrity
from vae_runtime.model import manifest as manifests
from vae_runtime.model.manifest import Manifest
from vae_runtime.model.memory import PIXELS_AT_ONCE
from vae_runtime.model.steady import again_if_replaced

from ..errors import ExportError
from .kserve import FILE_NAME as KSERVE
from .kserve import kserve
from .triton import FILE_NAME as CONFIG
from .triton import GRAPH, Graph, Step, boundary, chain_config, graph_config

GOLDEN = "golden.npz"
MAX_BATCH = 64  # as in the runtime
# Object stores and git keep no empty folder, and Triton wants a version of every model.
PLACEHOLDER = "An ensemble has no file of its own; without one here, git and object stores would drop this folder.\n"


def write_repository(model: Path, target: Path, *, storage_uri: str | None = None) -> Manifest:
    """Check a model folder with its golden vectors and write the float32 graphs as the repository `target`.

    storage_uri: where KServe will find the repository. Written once: `target` must be new or empty, for no system can
    exchange two folders in one step, and a server reads when it likes.
    """
    check_target(target)
    manifest, contents = again_if_replaced(model, lambda: _checked(model, storage_uri))
    with new_folder(target) as temporary:
        write_files(temporary, contents)
    return manifest


def _checked(model: Path, storage_uri: str | None) -> tuple[Manifest, dict[str, bytes]]:
    report = verify(model, providers="cpu", threads=None, precision="float32")
    failed = [check.tensor for check in report.tensors if not check.passed]
    if failed:
        raise ExportError(f"{model} does not reproduce its golden vectors ({', '.join(failed)}); export it again.")
    manifest = manifests.read(model, digest=report.digest)
    return manifest, _contents(model, manifest, storage_uri or f"pvc://models/{manifest.name}")


def check_target(target: Path) -> None:
    """Refuse, before any work is done, a place where something is already."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{target} is there already; write a new folder beside it and point the server to that one.")


def _contents(model: Path, manifest: Manifest, storage_uri: str) -> dict[str, bytes]:
    """Every file of the repository, by its path in it."""
    graphs = {role: integrity.read_file(model, precisions["float32"]) for role, precisions in manifest.graphs.items()}
    contents = {
        manifests.FILE_NAME: manifests.read_bytes(model, manifest),
        GOLDEN: integrity.read_file(model, manifest.golden["float32"].file),
        KSERVE: kserve(manifest, storage_uri).encode(),
    }
    for role, content in graphs.items():
        contents[f"{manifest.name}_{role}/1/{GRAPH}"] = content
    for name, config in _configs(manifest, {role: boundary(content) for role, content in graphs.items()}):
        contents[f"{name}/{CONFIG}"] = config.encode()
        if f"{name}/1/{GRAPH}" not in contents:
            contents[f"{name}/1/README"] = PLACEHOLDER.encode()
    return contents


def _configs(manifest: Manifest, graphs: Mapping[str, Graph]) -> Iterator[tuple[str, str]]:
    """Names and configurations of the graphs, and of the two things that clients do with more than one of them."""
    name, max_batch = manifest.name, _max_batch(manifest)
    for role, graph in graphs.items():
        yield f"{name}_{role}", graph_config(f"{name}_{role}", graph, max_batch=max_batch)
    encoder, decoder, prior = graphs["encoder"], graphs["decoder"], graphs.get("prior_sample")
    images = next(tensor for tensor in decoder.outputs if tensor.name == "images")  # logits are for likelihoods
    if manifest.has_prior:
        # eps -> images whatever the prior: a client need not know whether it is learned.
        eps = prior.inputs if prior else (decoder.inputs[0]._replace(name="eps"),)
        place = [Step(f"{name}_prior_sample", {"eps": "eps"}, {"z": "z"})] if prior else []
        decode = Step(f"{name}_decoder", {"z": "z" if prior else "eps"}, {"images": "images"})
        yield f"{name}_sample", chain_config(f"{name}_sample", eps, [images], [*place, decode], max_batch=max_batch)
    # Two tensors of a chain cannot share a name, so what comes out is not called `images`.
    result = images._replace(name="reconstruction")
    steps = [
        Step(f"{name}_encoder", {"images": "images"}, {"mean": "mean"}),
        Step(f"{name}_decoder", {"z": "mean"}, {"images": "reconstruction"}),
    ]
    chain = f"{name}_reconstruct"
    yield chain, chain_config(chain, encoder.inputs, [result], steps, max_batch=max_batch)


def _max_batch(manifest: Manifest) -> int:
    """As many rows at once as the runtime takes: larger batches of larger images cost memory and are no faster."""
    channels, height, width = manifest.image.shape
    return max(1, min(MAX_BATCH, PIXELS_AT_ONCE // (channels * height * width)))
