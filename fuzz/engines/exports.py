"""Random models, trained a little: every sound one is exported, every broken export is refused.

    python -m fuzz.engines.exports --sound 200 --broken 50

Sound ones are of any network, shape, colour, likelihood, prior and length of training that the project makes. Broken
ones have a wrong weight, a missing bias or a wrong axis in one of their graphs; a break that changes no output of any
probe, such as the bias of a dead unit, is tried anew.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from vae_export import steps
from vae_export.errors import ExportError
from vae_export.graphs.finishing import finish
from vae_export.pipeline import export
from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint
from vae_train.config import PRESETS, PRIOR_NAMES, Config
from vae_train.data.datasets import Dataset
from vae_train.data.recipe import for_shape
from vae_train.fit.trainer import Trainer

Graphs = dict[str, bytes]
Break = Callable[[npt.NDArray[np.float32], np.random.Generator], npt.NDArray[np.float32]]


@click.command()
@click.option("--sound", type=click.IntRange(0), default=200, show_default=True, help="Sound models.")
@click.option("--broken", type=click.IntRange(0), default=50, show_default=True, help="Broken exports.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(sound: int, broken: int, seed: int) -> None:
    """Print each refusal; exit with 1 if a sound model was refused or a broken one was not."""
    with operators_read_once():
        refused = sum(_sound(seed + number) for number in range(sound))
        print(f"{sound} sound models: {refused} refused", flush=True)
        passed = sum(_broken(seed + number) for number in range(broken))
        print(f"{broken} broken exports: {passed} passed", flush=True)
    sys.exit(1 if refused or passed else 0)


def _sound(seed: int) -> bool:
    """Whether a sound model was refused."""
    with tempfile.TemporaryDirectory() as scratch:
        run, config = random_run(Path(scratch), seed)
        try:
            export(run, Path(scratch) / "model")
        except ExportError as error:
            print(f"REFUSED seed {seed}: {error} {config}", flush=True)
            return True
    return False


def _broken(seed: int) -> bool:
    """Whether a broken export passed."""
    random = np.random.default_rng([seed, 1])
    while True:
        with tempfile.TemporaryDirectory() as scratch:
            run, _ = random_run(Path(scratch), int(random.integers(2**31)))
            outcome, what = export_broken(run, Path(scratch) / "model", random)
        if outcome != "no effect":
            if outcome != "refused":
                print(f"PASSED seed {seed}: {what}", flush=True)
            return outcome != "refused"


def random_run(folder: Path, seed: int) -> tuple[Path, Config]:
    """A run's folder with a model of random kind, trained for a random number of steps on random pictures."""
    random = np.random.default_rng(seed)
    most = int(random.choice([49, 49, 49, 130]))
    shape = (int(random.choice([1, 3])), int(random.integers(28, most)), int(random.integers(28, most)))
    preset = PRESETS[str(random.choice(["mlp-2d", "mlp", "conv", "conv"]))]()
    is_gaussian = bool(random.integers(2))
    config = for_shape(preset, shape) if is_gaussian else dataclasses.replace(preset, image_shape=shape)
    widths = {"mlp": (64, 32), "conv": tuple(int(width) for width in random.integers(4, 17, len(config.widths)))}
    config = dataclasses.replace(
        config,
        widths=widths[config.network],
        blocks=int(random.integers(3)) if config.network == "conv" else 0,
        latent_size=int(random.integers(1, 65)) if config.network == "conv" else config.latent_size,
        linear_pool=config.linear_pool if random.integers(2) else 0,
        prior=str(random.choice(PRIOR_NAMES)),
        flow_layers=int(random.integers(1, 7)),
        flow_width=int(random.integers(4, 65)),
        batch_size=16,
        epochs=1,
        epoch_steps=int(random.choice([1, 10, 60])),
        learning_rate=float(10 ** random.uniform(-4, -2.3)),
        learning_rate_warmup_steps=0,
        importance_share=0.0,
        precision="float32",
        seed=seed,
    )
    images = pictures(48, shape, random)
    labels = np.zeros(len(images), np.uint8)
    trainer = Trainer(config, Dataset(images, labels, images[:4], labels[:4]), torch.device("cpu"))
    if config.linear_pool:
        trainer.begin_as_components()
    for _ in range(trainer.total_steps):
        trainer.take_step(trainer.batch())
    run = folder / "run"
    run.mkdir()
    (run / "config.json").write_text(config.to_json())
    weights = dict(trainer.averaged_model.state_dict())
    checkpoints.save(run / checkpoints.BEST, Checkpoint(weights, {}))
    return run, config


def pictures(count: int, shape: tuple[int, int, int], random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Discs on slopes, some of them noisy: uint8 [count, *shape]."""
    channels, height, width = shape
    y, x = np.mgrid[:height, :width]
    images = np.empty((count, *shape), np.uint8)
    for image in images:
        centre, radius = random.uniform((0, 0), (height, width)), random.uniform(3, min(height, width) / 2)
        disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        for channel in range(channels):
            slope = random.uniform(0, 255) + random.normal(0, 2) * x + random.normal(0, 2) * y
            pixels = np.where(disc, random.uniform(0, 255), slope) + random.normal(0, random.choice([0, 8]), disc.shape)
            image[channel] = np.clip(pixels, 0, 255)
    return images


def export_broken(run: Path, model: Path, random: np.random.Generator) -> tuple[str, str]:
    """Export a run with one tensor of one graph broken: "refused" by parity, or "no effect", or not; and what broke."""
    module: Any = steps
    usual, done = module.export_graphs, {"what": "", "effect": False}

    def broken(*arguments: Any, **options: Any) -> tuple[Graphs, str]:
        graphs, pair_id = usual(*arguments, **options)
        role = str(random.choice(sorted(graphs)))
        graph = onnx.load_from_string(graphs[role])
        done["what"] = f"{break_one(graph, random)} of the {role}"
        content = finish(graph, role, {item.key: item.value for item in graph.metadata_props})
        done["effect"] = _differ(graphs[role], content)
        return {**graphs, role: content}, pair_id

    module.export_graphs = broken
    try:
        export(run, model)
    except ExportError as error:
        # Golden vectors would refuse most of them later on; it is parity that is asked here.
        by_parity = "are another model" in str(error) or "NaN or infinity" in str(error)
        outcome = "refused" if by_parity else "passed parity"
        return (outcome if done["effect"] else "no effect"), f"{done['what']}: {error}"
    finally:
        module.export_graphs = usual
    return ("passed" if done["effect"] else "no effect"), str(done["what"])


def break_one(graph: onnx.ModelProto, random: np.random.Generator) -> str:
    """Change one tensor of a graph in a way that exporters have gone wrong; returns which and how."""
    floats = [tensor for tensor in graph.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    tensors = [tensor for tensor in floats if tensor.dims]
    tensor = tensors[int(random.integers(len(tensors)))]
    values = numpy_helper.to_array(tensor)
    ways = _WEIGHT_BREAKS if values.ndim > 1 else _BIAS_BREAKS
    name = str(random.choice(sorted(ways)))
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(ways[name](values.copy(), random)), tensor.name))
    return f"{name} in {tensor.name} {list(values.shape)}"


def _wrong_weight(values: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    values.flat[int(random.integers(values.size))] += np.abs(values).max()
    return values


def _wrong_axis(values: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Rows and columns of a kernel exchanged, or of a matrix shifted by one."""
    if values.ndim == 4 and values.shape[2] == values.shape[3] > 1:
        return values.swapaxes(2, 3)
    return np.roll(values, 1, axis=int(random.integers(values.ndim)))


def _missing(values: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    return np.zeros_like(values)


_WEIGHT_BREAKS: dict[str, Break] = {"a wrong weight": _wrong_weight, "a wrong axis": _wrong_axis}
_BIAS_BREAKS: dict[str, Break] = {"a missing bias": _missing}


def _differ(one: bytes, other: bytes) -> bool:
    """Whether two graphs give different numbers for noise, beyond what float32 leaves open."""
    import onnxruntime

    answers = []
    for content in (one, other):
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (value,) = session.get_inputs()
        random = np.random.default_rng(0)
        shape = [64, *value.shape[1:]]
        noise = random.random(shape) if value.name == "images" else random.standard_normal(shape)
        answers.append(session.run(None, {value.name: noise.astype(np.float32)}))
    return any(np.abs(a - b).max() > 1e-4 * max(1.0, np.abs(a).max()) for a, b in zip(*answers, strict=True))


@contextmanager
def operators_read_once() -> Iterator[None]:
    """torch's exporter parses the source of all its operators for every graph that it makes; within this, once."""
    from onnxscript import TracedOnnxFunction

    usual: Any = TracedOnnxFunction.function_ir
    changed: Any = TracedOnnxFunction
    changed.function_ir = property(functools.cache(usual.fget))
    try:
        yield
    finally:
        changed.function_ir = usual


if __name__ == "__main__":
    main()
