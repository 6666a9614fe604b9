"""Twenty-five bad inputs and what is said of each, as a table.

python -m fuzz.bad_inputs > table.md
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import onnx
from PIL import Image

from tests.support.hostile_graphs import CHANGES
from vae_runtime.model.writing import describe

from .seeds import graph

Prepare = Callable[[Path], list[str]]  # of a folder with a `model`: the arguments of vae


def _edit(model: Path, change: Callable[[dict[str, object]], object]) -> list[str]:
    manifest = json.loads((model / "manifest.json").read_text())
    change(manifest)
    (model / "manifest.json").write_text(json.dumps(manifest))
    return ["verify", "-m", "model"]


def _decoder(work: Path, content: bytes, *, repair: bool = True) -> list[str]:
    (work / "model" / "decoder.onnx").write_bytes(content)
    entry = describe("decoder.onnx", content).__dict__
    if not repair:
        return ["verify", "-m", "model"]
    return _edit(work / "model", lambda manifest: manifest["graphs"]["decoder"].update(float32=entry))  # type: ignore[index]


def _changed(change: Callable[[onnx.ModelProto], object]) -> Prepare:
    def prepare(work: Path) -> list[str]:
        model = onnx.load(work / "model" / "decoder.onnx")
        change(model)
        return _decoder(work, model.SerializeToString())

    return prepare


def _bytes(work: Path) -> bytes:
    return (work / "model" / "decoder.onnx").read_bytes()


def _flip(work: Path) -> list[str]:
    content = bytearray(_bytes(work))
    content[5000] ^= 1
    return _decoder(work, bytes(content), repair=False)


def _linked(work: Path) -> list[str]:
    (work / "model" / "decoder.onnx").unlink()
    os.mkfifo(work / "model" / "decoder.onnx")
    return ["verify", "-m", "model"]


def _half_manifest(work: Path) -> list[str]:
    path = work / "model" / "manifest.json"
    path.write_text(path.read_text()[:900])
    return ["verify", "-m", "model"]


def _extra(work: Path) -> list[str]:
    (work / "model" / "evil.so").touch()
    return ["verify", "-m", "model"]


def _other_encoder(work: Path) -> list[str]:
    content = (Path("artifacts") / "mnist-mlp" / "encoder.onnx").resolve().read_bytes()
    (work / "model" / "encoder.onnx").write_bytes(content)
    entry = describe("encoder.onnx", content).__dict__
    return _edit(work / "model", lambda manifest: manifest["graphs"]["encoder"].update(float32=entry))  # type: ignore[index]


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret.bin")


def _weight(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda entry: len(entry.raw_data))
    tensor.raw_data = np.float32(9).tobytes() * 64 + tensor.raw_data[256:]


def _picture(content: bytes, name: str = "photo.png") -> Prepare:
    def prepare(work: Path) -> list[str]:
        (work / name).write_bytes(content)
        return ["encode", name, "-o", "x.npz"]

    return prepare


def _saved(picture: Image.Image, form: str, name: str = "photo.png", **options: object) -> Prepare:
    def prepare(work: Path) -> list[str]:
        picture.save(work / name, form, **options)
        return ["encode", name, "-o", "x.npz"]

    return prepare


def _cut_jpeg(work: Path) -> list[str]:
    Image.effect_noise((64, 64), 80).save(work / "photo.jpg")
    content = (work / "photo.jpg").read_bytes()
    (work / "photo.jpg").write_bytes(content[:-93])
    return ["encode", "photo.jpg", "-o", "x.npz"]


def _bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _latents(array: np.ndarray) -> Prepare:
    def prepare(work: Path) -> list[str]:
        np.save(work / "z.npy", array)
        return ["decode", "z.npy", "-o", "x.png"]

    return prepare


def _empty(work: Path) -> list[str]:
    (work / "empty").mkdir()
    return ["score", "empty"]


def _nowhere(work: Path) -> list[str]:
    return ["sample", "-m", "model", "-o", "nowhere/x.png"]


_STILL = [Image.new("L", (28, 28), shade) for shade in (0, 99, 200)]
_GROUP = graph()
_GROUP.graph.node[0].attribute.append(onnx.helper.make_attribute("group", 0))  # of its Conv

INPUTS: dict[str, Prepare] = {
    "one bit of a graph flipped": _flip,
    "a graph cut off": lambda work: _decoder(work, _bytes(work)[:104000], repair=False),
    "a manifest half written": _half_manifest,
    "a model of a later format": lambda work: _edit(work / "model", lambda m: m.update(format_version=3)),
    "a file too many": _extra,
    "weights in another file": _changed(_external),
    "a pipe in the place of a graph": _linked,
    "a Conv of no group": lambda work: _decoder(work, _stamped(work, _GROUP)),
    "a Loop": _changed(lambda m: m.graph.node.append(onnx.helper.make_node("Loop", ["z"], ["w"]))),
    "an operator of nobody": _changed(lambda m: setattr(m.graph.node[0], "domain", "evil.corp")),
    "a Git LFS pointer": lambda work: _decoder(work, b"version https://git-lfs.github.com/spec/v1\n", repair=False),
    "the encoder of another model": _other_encoder,
    "weights changed, checksum too": _changed(_weight),
    "too much work": _changed(CHANGES["too much work"]),
    "a provider that is not there": lambda work: ["sample", "-o", "x.png", "--provider", "cuda"],
    "an SVG": _picture(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>"),
    "a JPEG cut off": _cut_jpeg,
    "a picture of 12,000x12,000": _picture(_bomb(12000, 12000)),
    "a moving picture": _saved(_STILL[0], "WEBP", "photo.webp", save_all=True, append_images=_STILL[1:]),
    "a float TIFF": _saved(Image.new("F", (28, 28)), "TIFF", "photo.tif"),
    "a picture in CMYK": _saved(Image.new("CMYK", (28, 28)), "JPEG", "photo.jpg"),
    "latents with NaN": _latents(np.full((2, 40), np.nan, np.float32)),
    "latents of another size": _latents(np.zeros((2, 39), np.float32)),
    "an empty folder": _empty,
    "a folder that does not exist": _nowhere,
}


def _stamped(work: Path, model: onnx.ModelProto) -> bytes:
    """With the stamps, inputs and outputs of the decoder."""
    decoder = onnx.load(work / "model" / "decoder.onnx")
    del decoder.graph.node[:]
    decoder.graph.node.extend(model.graph.node)
    decoder.graph.node[0].input[0] = "images_in"
    size = onnx.numpy_helper.from_array(np.array([-1, 1, 5, 8]), "size")
    decoder.graph.node.insert(0, onnx.helper.make_node("Reshape", ["z", "size"], ["images_in"]))
    decoder.graph.initializer.extend([size, *model.graph.initializer])
    content: bytes = decoder.SerializeToString()
    return content


@click.command()
def main() -> None:
    """Print the table; exit with 1 if any said more than a line, nothing, or wrote to stdout."""
    click.echo("| | what comes | exit code | what is said |\n|---|---|---|---|")
    wrong = 0
    for number, (name, prepare) in enumerate(INPUTS.items(), start=1):
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            shutil.copytree("artifacts/mnist", work / "model", ignore=shutil.ignore_patterns("checkpoint"))
            arguments = prepare(work)
            environment = {**os.environ, "PYTHONPATH": os.getcwd()}
            command = [sys.executable, "-m", "vae_runtime", *arguments]
            done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
        findings = [line for line in done.stdout.splitlines() if "TOO FAR" in line or "not in" in line]
        said = done.stderr.strip() or "".join(findings[:1])
        wrong += done.returncode == 0 or not said or "\n" in said or "Traceback" in said
        click.echo(f"| {number} | {name} | {done.returncode} | {said.replace('|', '/')} |")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
