"""The golden vectors on other engines, other versions of onnxruntime and other processors: how far are they apart?

    python -m fuzz.engines.portability artifacts/mnist --python /path/to/python-with-an-old-onnxruntime

Engines that are not installed are left out, and said. Another interpreter needs numpy, pillow, click and some
onnxruntime, no more; one of aarch64 under emulation counts like any other.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from vae_runtime.model import manifest as manifests
from vae_runtime.model.golden import GoldenVectors, read_golden
from vae_runtime.model.manifest import Manifest

RunGraph = Callable[[bytes, dict[str, Any], list[str]], list[Any]]  # graph, feeds, outputs


def reference(content: bytes, feeds: dict[str, Any], outputs: list[str]) -> list[Any]:
    """onnx's own, slow and plain."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    arrays: Any = ReferenceEvaluator(onnx.load_from_string(content)).run(outputs, feeds)
    return list(arrays)


def openvino(content: bytes, feeds: dict[str, Any], outputs: list[str]) -> list[Any]:
    """On its processor plug-in, in float32."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(content)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    arrays = compiled(feeds)
    return [arrays[name] for name in outputs]


ENGINES: dict[str, tuple[str, RunGraph]] = {"onnx.reference": ("onnx", reference), "OpenVINO": ("openvino", openvino)}


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--python", "pythons", multiple=True, help="Another interpreter, with its own onnxruntime; repeatable.")
def main(model: Path, pythons: tuple[str, ...]) -> None:
    """Print a table of largest differences; exit with 1 if any is more than the manifest allows."""
    manifest, bad = manifests.read(model), 0
    for precision in manifest.precisions:
        golden = read_golden(model, manifest, precision)
        tolerance = manifest.golden[precision].tolerance
        for name, (package, engine) in ENGINES.items():
            if importlib.util.find_spec(package) is None:
                click.echo(f"{precision:8} {name}: not run, {package} is not installed here")
                continue
            if name == "onnx.reference" and precision == "int8":
                click.echo(f"{precision:8} {name}: not run, it has no DequantizeLinear of opset 18")
                continue
            apart = dict(differences(model, manifest, golden, precision, engine))
            bad += any(not apart[kind] <= tolerance[kind] for kind in apart)
            click.echo(f"{precision:8} {name}: " + _text(apart))
        for python in (sys.executable, *pythons):
            said, passed = _verified(python, model, precision)
            bad += not passed
            click.echo(f"{precision:8} {said}")
    sys.exit(bad > 0)


def differences(
    model: Path, manifest: Manifest, golden: GoldenVectors, precision: str, engine: RunGraph
) -> Iterator[tuple[str, float]]:
    """The largest difference of every kind of tensor."""

    def run(role: str, feeds: dict[str, Any], outputs: list[str]) -> list[Any]:
        graph = manifest.graphs[role]
        return engine((model / graph.get(precision, graph["float32"]).file).read_bytes(), feeds, outputs)

    expected = {"mean": golden.mean, **({} if golden.logvar is None else {"logvar": golden.logvar})}
    for name, part in zip(expected, run("encoder", {"images": golden.images}, list(expected)), strict=True):
        yield name, _apart(part, expected[name])
    yield "images", _apart(run("decoder", {"z": golden.z}, ["images"])[0], golden.decoded)
    if "prior_sample" in manifest.graphs:
        yield "z", _apart(run("prior_sample", {"eps": golden.eps}, ["z"])[0], golden.prior_z)
    if golden.faults is not None:
        yield "nats", _apart(run("detector", {"images": golden.images}, ["faults"])[0], golden.faults)


def _apart(given: Any, expected: Any) -> float:
    return float(np.abs(np.asarray(given, np.float64) - expected).max())


def _verified(python: str, model: Path, precision: str) -> tuple[str, bool]:
    code = "import onnxruntime, platform; print(onnxruntime.__version__, platform.machine())"
    command = [python, "-m", "vae_runtime", "verify", "-m", str(model), "--precision", precision, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    name = subprocess.run([python, "-c", code], capture_output=True, text=True, env=environment).stdout.strip()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return f"onnxruntime {name or python}: {done.stderr.strip()[-300:]}", False
    apart = {kind: entry["difference"] for kind, entry in report["tensors"].items()}
    return f"onnxruntime {name}: {_text(apart)}", report["verdict"] == "PASS"


def _text(apart: dict[str, float]) -> str:
    return ", ".join(f"{kind} {difference:.1e}" for kind, difference in apart.items())


if __name__ == "__main__":
    main()
