"""Random architectures, float32 and int8: is any bit of a row another for another batch size or number of threads?

    python -m fuzz.engines.equality --count 200

Widths are 1 to 70, images grey and in colour, weights random. Each graph is opened as the runtime opens it, on one to
four threads, and run in batches of 1 to 130.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import click
import numpy as np
import numpy.typing as npt
import onnx
import torch
from vae_export.graphs.finishing import finish, tidy
from vae_export.graphs.functions import run_functions
from vae_export.graphs.making import export_graphs
from vae_export.int8 import quantise as int8
from vae_train.config import PRESETS, PRIOR_NAMES, Config
from vae_train.data.recipe import for_shape
from vae_train.detector.network import Detector, DetectorConfig
from vae_train.models.networks import build

from vae_runtime.model.kernels import Kernels, kernels
from vae_runtime.model.sessions import Session
from vae_runtime.model.wire import read_message

from .exports import operators_read_once

ROWS, BATCHES, THREADS = 130, (1, 2, 3, 5, 8, 17, 64, 130), (1, 2, 3, 4)
Float32 = npt.NDArray[np.float32]


@click.command()
@click.option("--count", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--as-onnxruntime", is_flag=True, help="As onnxruntime divides it by itself, to see what the host mends.")
def main(count: int, seed: int, as_onnxruntime: bool) -> None:
    """Print each graph whose bits differ, and how many of all; exit with 1 if one does."""
    compared = different = 0
    torch.set_num_threads(1)
    with operators_read_once():
        for number in range(seed, seed + count):
            for name, content in random_graphs(number):
                compared += 1
                held = Kernels(True, True) if as_onnxruntime else kernels(read_message(content)["graph"])
                if places := differences(content, name, held, np.random.default_rng(number)):
                    different += 1
                    click.echo(f"seed {number}, {name}: differs at (threads, batch) {places}")
    click.echo(
        f"{count} architectures, {compared} graphs: {different} differ between batch sizes or numbers of threads"
    )
    sys.exit(different > 0)


def differences(content: bytes, name: str, held: Kernels, random: np.random.Generator) -> list[tuple[int, int]]:
    """At which (threads, batch size) any output differs by a bit from that of single rows on one thread."""
    wrong, expected = [], None
    for threads in THREADS:
        session = Session(content, name, providers=("CPUExecutionProvider",), threads=threads, kernels=held)
        if expected is None:
            rows = random_rows(session, random)
            expected = session.run(rows, tuple(session.shapes), batch_size=1)
        for batch_size in BATCHES:
            answers = session.run(rows, tuple(session.shapes), batch_size=batch_size)
            if any(one.tobytes() != other.tobytes() for one, other in zip(answers, expected, strict=True)):
                wrong.append((threads, batch_size))
    return wrong


def random_rows(session: Session, random: np.random.Generator) -> Float32:
    """Inputs of a graph: pixels, or latents."""
    shape = (ROWS, *session.input_shape)
    rows = random.random(shape) if len(shape) == 4 else random.standard_normal(shape)
    return rows.astype(np.float32)


def random_config(random: np.random.Generator) -> Config:
    """Any network that the trainer makes, of odd widths as of even ones."""
    sides = [int(random.choice([28, 32, 64])) if random.random() < 0.4 else int(random.integers(16, 65)) for _ in "hw"]
    shape = (int(random.choice([1, 3])), sides[0], sides[1])
    preset = PRESETS[str(random.choice(["mlp-2d", "mlp", "conv", "conv", "conv"]))]()
    is_gaussian = bool(random.integers(2))
    config = for_shape(preset, shape) if is_gaussian else dataclasses.replace(preset, image_shape=shape)
    widest = 70 if config.network == "conv" else 400
    return dataclasses.replace(
        config,
        widths=tuple(int(width) for width in random.integers(1, widest + 1, len(config.widths))),
        blocks=int(random.integers(3)) if config.network == "conv" else 0,
        latent_size=int(random.integers(1, 65)),
        linear_pool=config.linear_pool if random.integers(2) else 0,
        prior=str(random.choice(PRIOR_NAMES)),
        flow_layers=int(random.integers(1, 7)),
        flow_width=int(random.integers(4, 65)),
        seed=int(random.integers(2**31)),
    )


def random_graphs(seed: int) -> Iterator[tuple[str, bytes]]:
    """The graphs of one architecture by name: encoder, decoder, prior and detector, and two in int8."""
    random = np.random.default_rng(seed)
    config = random_config(random)
    model = build(config, torch.device("cpu")).eval()
    detector = None
    if min(config.image_shape[1:]) >= 32:
        widths = tuple(int(width) for width in random.integers(1, 71, 3))
        detector = Detector(
            DetectorConfig(reduce=1 if min(config.image_shape[1:]) < 48 else 2, widths=widths), config.image_shape
        ).eval()
    for module in (model, detector):
        for parameter in module.parameters() if module else ():
            if parameter.ndim and not parameter.any():  # layers that begin as nothing
                parameter.data = torch.randn(parameter.shape) * 0.05
    graphs, _ = export_graphs(run_functions(model, config, detector), metadata={})
    kind = f"{config.network} {config.image_shape} {config.widths}"
    for role, content in graphs.items():
        yield f"{role} of {kind}", content
        if role in ("encoder", "decoder"):
            yield f"int8 {role} of {kind}", in_int8(content, role, random)


def in_int8(content: bytes, role: str, random: np.random.Generator) -> bytes:
    """A graph in int8 with some layers left in float32, as the search for sensitive ones does."""
    graph = onnx.load_from_string(content)
    session = Session(content, role, providers=("CPUExecutionProvider",), threads=1)
    ranges = int8.activation_ranges(graph, random_rows(session, random)[:64])
    spared = [name for name in int8.layers(graph) if random.random() < random.choice([0, 0.3, 0.7])]
    last = int8.logit_nodes(graph) if role == "decoder" else []
    return finish(tidy(int8.quantise(graph, ranges, tuple({*spared, *last}))), role, {})


if __name__ == "__main__":
    main()
