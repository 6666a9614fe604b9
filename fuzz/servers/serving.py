"""The configurations of a Triton model repository, read by Triton's own schema, beside the graphs that they are of.

    python -m fuzz.servers.serving served/mnist

Needs `tritonclient[grpc]`, which carries the schema (model_config.proto), and onnxruntime, which says what the graphs
have. Exits with 1 if any tensor differs, or if a graph is not the one that the repository's manifest names.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from vae_runtime.model import manifest as manifests
from vae_runtime.model.sessions import import_onnxruntime

TYPES = {"TYPE_FP32": "tensor(float)"}


class Row(NamedTuple):
    """A tensor as the configuration has it and as the graph has it, both as text, and whether they say the same."""

    model: str
    direction: str
    tensor: str
    configured: str
    graph: str
    equal: bool


@click.command()
@click.argument("repository", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(repository: Path) -> None:
    """Print a table of all tensors of all models; exit with 1 if two differ."""
    tensors = list(rows(repository))
    click.echo(table(tensors))
    bad = [row for row in tensors if not row.equal]
    others = foreign_graphs(repository)
    click.echo(f"{len(tensors)} tensors, {len(bad)} differ; {len(others)} graphs are not the manifest's.")
    sys.exit(bool(bad or others))


def read_configs(repository: Path) -> dict[str, Any]:
    """Every model's ModelConfig by name; a field that Triton does not know is an error."""
    schema = importlib.import_module("tritonclient.grpc.model_config_pb2")
    parse = importlib.import_module("google.protobuf.text_format").Parse
    paths = sorted(repository.glob("*/config.pbtxt"))
    return {path.parent.name: parse(path.read_text(encoding="utf-8"), schema.ModelConfig()) for path in paths}


def rows(repository: Path) -> Iterator[Row]:
    """Every tensor of every model; those of an ensemble beside the graph that takes or gives them in the end."""
    configs, sessions = read_configs(repository), open_graphs(repository)
    for model, config in configs.items():
        for direction in ("input", "output"):
            for tensor in getattr(config, direction):
                at, own = _behind(config, direction, tensor.name)
                configured, expected = _of_config(tensor)
                graph = _of_graph(sessions[at], direction, own)
                yield Row(model, direction, tensor.name, configured, graph, expected == graph)


def table(tensors: list[Row]) -> str:
    """Markdown; a graph that differs is in bold."""
    lines = ["| model | | tensor | config.pbtxt | graph |", "| --- | --- | --- | --- | --- |"]
    for row in tensors:
        graph = row.graph if row.equal else f"**{row.graph}**"
        lines.append(f"| {row.model} | {row.direction} | {row.tensor} | {row.configured} | {graph} |")
    return "\n".join(lines)


def open_graphs(repository: Path) -> dict[str, Any]:
    """An onnxruntime session of every graph, opened as it lies there."""
    onnxruntime, options = import_onnxruntime(), {"providers": ["CPUExecutionProvider"]}
    paths = sorted(repository.glob("*/1/model.onnx"))
    return {path.parent.parent.name: onnxruntime.InferenceSession(str(path), **options) for path in paths}


def foreign_graphs(repository: Path) -> list[str]:
    """The models whose graph is not that of the manifest in the repository."""
    manifest = manifests.read(repository)
    digests = {f"{manifest.name}_{role}": files["float32"].sha256 for role, files in manifest.graphs.items()}
    return [
        path.parent.parent.name
        for path in sorted(repository.glob("*/*/model.onnx"))
        if hashlib.sha256(path.read_bytes()).hexdigest() != digests.get(path.parent.parent.name)
    ]


def _behind(config: Any, direction: str, name: str) -> tuple[str, str]:
    """The model and its own name of a tensor: the model itself, or the step of an ensemble that maps it."""
    if not config.HasField("ensemble_scheduling"):
        return config.name, name
    for step in config.ensemble_scheduling.step:
        for own, chain in getattr(step, f"{direction}_map").items():
            if chain == name:
                return step.model_name, own
    raise ValueError(f"no step of {config.name} has the {direction} {name}")


def _of_config(tensor: Any) -> tuple[str, str]:
    """What the configuration says, and what a graph must then say: it counts the batch, and has the reshaped shape."""
    type = importlib.import_module("tritonclient.grpc.model_config_pb2").DataType.Name(tensor.data_type)
    reshaped = tensor.HasField("reshape")
    shape = tensor.reshape.shape if reshaped else tensor.dims
    said = f"{_text(type, tensor.dims)}{f' as {list(shape)}' if reshaped else ''}"
    return said, _text(TYPES.get(type, "?"), ["batch", *shape])


def _of_graph(session: Any, direction: str, name: str) -> str:
    values = session.get_inputs() if direction == "input" else session.get_outputs()
    return next((_text(value.type, value.shape) for value in values if value.name == name), "not there")


def _text(type: str, shape: Iterable[Any]) -> str:
    return f"{type} [{', '.join(map(str, shape))}]"


if __name__ == "__main__":
    main()
