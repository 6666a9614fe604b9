"""Decoders for engines that do not read ONNX: LiteRT by way of Keras, ncnn by pnnx.

python -m benchmarks.engines.convert artifacts/mnist build/benchmarks/mnist
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click


def to_litert(folder: Path, built: Path) -> None:
    import tensorflow

    from .keras_decoder import keras_decoder

    converter = tensorflow.lite.TFLiteConverter.from_keras_model(keras_decoder(folder / "decoder.onnx"))
    (built / "decoder.tflite").write_bytes(converter.convert())


def to_ncnn(folder: Path, built: Path) -> None:
    import onnx

    size = onnx.load(folder / "decoder.onnx").graph.input[0].type.tensor_type.shape.dim[1].dim_value
    shutil.copy(folder / "decoder.onnx", built / "decoder.onnx")
    command = [Path(sys.executable).parent / "pnnx", "decoder.onnx", f"inputshape=[1,{size}]", "fp16=0"]
    subprocess.run(command, cwd=built, check=True, stdout=subprocess.DEVNULL)


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("built", type=click.Path(path_type=Path, file_okay=False))
def main(model: Path, built: Path) -> None:
    """Write what the engines read into BUILT, and say which of them could not be served."""
    built.mkdir(parents=True, exist_ok=True)
    for convert in (to_litert, to_ncnn):
        try:
            convert(model, built)
        except Exception as error:  # one engine less; the report says which
            click.echo(f"{convert.__name__}: {type(error).__name__}: {error}", err=True)


if __name__ == "__main__":
    main()
