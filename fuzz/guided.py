"""Fuzz by coverage, with atheris (pip install atheris): manifests, graphs, golden vectors, latents, pictures, names.

    python -m fuzz.guided gate --seconds 600

What the gate lets through is opened and run by onnxruntime in this very process: a crash of it is a find, and so are
ten seconds and a gigabyte.
"""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris
import click

with atheris.instrument_imports(include=["vae_runtime"]):
    from vae_runtime import ImageSpec, InputError, IntegrityError, ManifestError, read_images
    from vae_runtime.cli.latents import from_npz
    from vae_runtime.cli.rows import rows_as_bytes
    from vae_runtime.model import gate, golden, manifest
    from vae_runtime.printable import printable

import numpy as np
import onnxruntime

from .disks.pictures import pictures
from .machine.extremes import flat_webp
from .seeds import archives, graphs
from .wider import INPUTS, OUTPUTS

SECONDS, BYTES = 10.0, 2**30


def of_manifests(content: bytes) -> None:
    """A text is a manifest that is written and read back as itself, or a ManifestError."""
    try:
        parsed = manifest.parse(content.decode("utf-8", "replace"))
    except ManifestError:
        return
    assert manifest.parse(parsed.to_json()) == parsed


def of_graphs(content: bytes) -> None:
    """What passes the gate is opened soon, with little memory, and gives the shape that was inferred."""
    try:
        gate.check_graph(content, "x.onnx", inputs=INPUTS, outputs=OUTPUTS, stamps={})
    except IntegrityError:
        return
    begun, before = time.monotonic(), _peak()
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (row_sums,) = session.run(["out"], {"images": np.ones((3, 1, 4, 4), np.float32)})
    assert row_sums.shape == (3, 4) and row_sums.dtype == np.float32
    assert time.monotonic() - begun < SECONDS and _peak() - before < BYTES


def of_golden(content: bytes) -> None:
    """What is read as golden vectors of the built-in model is an archive to the letter, or an error that says why."""
    try:
        vectors = golden.GoldenVectors.from_bytes(content)
        golden._require_fit(vectors, BUILT_IN)
    except ValueError:
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    assert len({member.filename for member in members}) == len(members) == len(vectors.arrays)
    assert all(member.compress_type == zipfile.ZIP_STORED for member in members)
    assert 1 <= len(vectors.images) <= 64 and all(np.isfinite(array).all() for array in vectors.arrays.values())


def of_latents(content: bytes) -> None:
    """Bytes are an array that they have room for, or an InputError; compressed ones within the limit."""
    try:
        latents = from_npz(content, "latents")
    except InputError:
        return
    assert isinstance(latents, np.ndarray) and latents.nbytes <= 2**28 and not latents.dtype.hasobject


def of_pictures(content: bytes) -> None:
    """Bytes are an image of the asked shape, or an InputError."""
    try:
        assert read_images(content, ImageSpec(shape=(1, 8, 8))).shape == (1, 1, 8, 8)
    except InputError:
        return


def of_names(content: bytes) -> None:
    """A name is one line of a terminal, and the same file when it comes back from CSV, JSON lines; never a formula."""
    name = os.fsdecode(content.replace(b"\0", b""))[:255] or "x"
    assert printable(name).isprintable()
    ((path, score),) = csv.reader(io.StringIO(os.fsdecode(_row(name, "csv")), newline=""))
    assert Path(path) == Path(name) and score == "1.5" and (path == "-" or path[0] not in "=+-@\t\r\n")
    assert json.loads(_row(name, "jsonl"))["path"] == name


def _row(name: str, form: str) -> bytes:
    return rows_as_bytes(("path", "score_nats"), [[name, 1.5]], form, first=False)


def names() -> dict[str, bytes]:
    """Names that begin a formula, end a line, are quoted, turn the direction of writing, or are no text."""
    return {
        str(name): name
        for name in (b"=1+1.png", b'a"b,c;\t.png', b"a\r\nb", "\u202egnp.x".encode(), b"\xff\x1b[31m", b"-")
    }


def _peak() -> int:
    """Bytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


BUILT_IN = manifest.read(Path("artifacts/mnist-2d"))
TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], dict[str, bytes]]]] = {
    "manifest": (
        of_manifests,
        lambda: {path.parent.name: path.read_bytes() for path in Path("artifacts").glob("*/manifest.json")},
    ),
    "gate": (of_graphs, graphs),
    "golden": (of_golden, archives),
    "latents": (of_latents, archives),
    "name": (of_names, names),
    "picture": (of_pictures, lambda: {**pictures(), "large WebP": flat_webp(16383, 3906)}),
}

MEGABYTES = {"picture": 500}  # a picture takes 256 beside the process and its corpus; 3000 else


@click.command()
@click.argument("target", type=click.Choice(list(TARGETS)))
@click.option("--seconds", type=click.IntRange(1), default=600, show_default=True)
def main(target: str, seconds: int) -> None:
    """Run until something is found or the time is over."""
    function, seeds = TARGETS[target]
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(seeds().values()):
            (Path(corpus) / str(number)).write_bytes(content)
        arguments = [
            f"-max_total_time={seconds}",
            "-max_len=40000",
            f"-rss_limit_mb={MEGABYTES.get(target, 3000)}",
            "-timeout=20",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *arguments, corpus], function)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
