"""Fuzz by coverage, with atheris (pip install atheris): the manifest's reader, the gate before graphs, pictures.

    python -m fuzz.guided gate --seconds 600

What the gate lets through is opened and run by onnxruntime in this very process: a crash of it is a find.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import click

with atheris.instrument_imports(include=["vae_runtime"]):
    from vae_runtime import ImageSpec, InputError, IntegrityError, ManifestError, read_images
    from vae_runtime.model import gate, manifest

import numpy as np
import onnxruntime

from .extremes import flat_webp
from .pictures import pictures
from .seeds import INPUTS, OUTPUTS, graph


def of_manifests(content: bytes) -> None:
    """A text is a manifest that is written and read back as itself, or a ManifestError."""
    try:
        found = manifest.parse(content.decode("utf-8", "replace"))
    except ManifestError:
        return
    assert manifest.parse(found.to_json()) == found


def of_graphs(content: bytes) -> None:
    """What passes the gate is opened, and gives the shape that was inferred."""
    try:
        gate.check_graph(content, "x.onnx", inputs=INPUTS, outputs=OUTPUTS, stamps={})
    except IntegrityError:
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["out"], {"images": np.ones((3, 1, 4, 4), np.float32)})
    assert found.shape == (3, 4) and found.dtype == np.float32


def of_pictures(content: bytes) -> None:
    """Bytes are an image of the asked shape, or an InputError."""
    try:
        assert read_images(content, ImageSpec(shape=(1, 8, 8))).shape == (1, 1, 8, 8)
    except InputError:
        return


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], dict[str, bytes]]]] = {
    "manifest": (
        of_manifests,
        lambda: {path.parent.name: path.read_bytes() for path in Path("artifacts").glob("*/manifest.json")},
    ),
    "gate": (of_graphs, lambda: {"every operator": graph().SerializeToString()}),
    "picture": (of_pictures, lambda: {**pictures(), "large WebP": flat_webp(16383, 3906)}),
}

MEGABYTES = {"manifest": 3000, "gate": 3000, "picture": 500}  # a picture takes 256 beside the process and its corpus


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
            f"-rss_limit_mb={MEGABYTES[target]}",
            "-timeout=20",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *arguments, corpus], function)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
