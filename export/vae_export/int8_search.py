"""Find on training images which layers int8 must spare, and on test images what it costs; refuse it where that is much.

Images that gave ranges, images that chose layers and images that the cost is measured on are different ones.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from vae_train.config import Config
from vae_train.data.datasets import Dataset

from vae_runtime import VAE, from_uint8
from vae_runtime.maths.noise import standard_normal
from vae_runtime.model.sessions import Session

from .errors import ExportError
from .int8 import Ranges, Recipe, activation_ranges, layers, logit_nodes, quantise, weight_count
from .int8_cost import cost as cost_of
from .int8_cost import held_out_images

RANGE_IMAGES, CHOICE_IMAGES, MEASURED_IMAGES = 512, 1000, 2000  # the last of the test set
SURE = 2.0  # standard errors that a loss on few test images must be too large by
ROUNDS = 9  # of timing, float32 and int8 in turns
ROLES = ("encoder", "decoder")

Float32 = npt.NDArray[np.float32]
Keep = dict[str, tuple[str, ...]]


class Limits(NamedTuple):
    """What int8 may cost: nats of ELBO, and how near its reconstructions must come to float32's (dB)."""

    nats: float = 0.2
    psnr: float = 30.0


DEFAULT_LIMITS = Limits()
LOSS_BITS_PER_DIM = 0.01  # of a Gaussian model: what 0.7 per cent more noise in every pixel costs, and nobody sees


def limits_for(config: Config, nats: float | None) -> Limits:
    """The usual limits of a model, or those with `nats`: a density has as many as its image has numbers."""
    if nats is not None:
        return Limits(nats=nats)
    if config.likelihood == "gaussian":
        return Limits(nats=round(LOSS_BITS_PER_DIM * math.log(2) * math.prod(config.image_shape), 2))
    return DEFAULT_LIMITS


def find_recipe(
    vae: VAE,
    graphs: Mapping[str, onnx.ModelProto],
    config: Config,
    dataset: Dataset,
    *,
    limits: Limits = DEFAULT_LIMITS,
    say: Callable[[str], None] = lambda text: None,
) -> Recipe:
    """Quantise all layers that the limits allow; vae is the float32 model. An ExportError says why there is no int8.

    Half of the latents that give the decoder's ranges are posterior draws, half the prior's. The loss is of the ELBO,
    with the same noise: it chooses layers on training images that gave no range; `measured` is of test images.
    """
    order = np.random.default_rng(0).permutation(len(dataset.train_images))
    if len(order) < 2:
        raise ExportError("one training image is too few to choose 8-bit layers with.")
    split = min(RANGE_IMAGES, len(order) // 2)
    for_ranges = _images(dataset, order[:split], config)
    images = _images(dataset, order[split : split + CHOICE_IMAGES], config)
    ranges = {
        "encoder": activation_ranges(graphs["encoder"], for_ranges),
        "decoder": activation_ranges(graphs["decoder"], _latents(vae, for_ranges)),
    }
    measure = _Loss(vae, graphs, ranges, images)
    keep: Keep = {"encoder": (), "decoder": tuple(logit_nodes(graphs["decoder"]))}
    loss = measure(keep)
    say(f"int8 of all layers loses {loss:.3f} nats; {limits.nats:g} are allowed.")
    if loss > limits.nats:
        keep, loss = _spare(measure, graphs, keep, loss, limits.nats, say)
    int8 = measure.variant(keep)
    found = cost_of(vae, int8, held_out_images(dataset, config, most=MEASURED_IMAGES))
    say(f"On {found.images:,} test images it loses {found.nats:.3f} nats.")
    if found.nats - SURE * found.standard_error > limits.nats:
        raise ExportError(
            f"int8 loses {found.nats:.2f} nats on test images, which chose nothing, and {limits.nats:g} are allowed "
            "(--int8-loss)."
        )
    if found.psnr < limits.psnr:
        raise ExportError(
            f"int8 reconstructions come to {found.psnr:.1f} dB of float32's; {limits.psnr:g} are asked for."
        )
    measured = found.figures()
    for batch in (1, 64):
        some = np.resize(images, (batch, *images.shape[1:]))  # the first ones, again where they are few
        for verb, ratio in _speedups(vae, int8, some).items():
            say(f"int8 {verb} at batch {batch}, one thread: {ratio:.2f} times float32's speed.")
            measured[f"{verb}_speedup_batch_{batch}"] = round(ratio, 2)
            if ratio < 1:
                raise ExportError(
                    f"int8 {verb} at batch {batch} has {ratio:.2f} times the speed of float32 on this machine: "
                    "it would cost nats and win nothing."
                )
    return Recipe(ranges, keep, measured)


class _Loss:
    """Nats of ELBO that a choice of float32 layers still loses."""

    def __init__(
        self, vae: VAE, graphs: Mapping[str, onnx.ModelProto], ranges: Mapping[str, Ranges], images: Float32
    ) -> None:
        self._vae, self._graphs, self._ranges, self._images = vae, graphs, ranges, images
        self._float32 = vae.elbo(images).value.mean()

    def __call__(self, keep: Keep) -> float:
        return float(self._float32 - self.variant(keep).elbo(self._images).value.mean())

    def variant(self, keep: Keep) -> VAE:
        """The model with int8 graphs."""
        encoder, decoder = (self._open(role, keep[role]) for role in ROLES)
        return VAE(self._vae._model._replace(encoder=encoder, decoder=decoder), reopen=())

    def _open(self, role: str, keep: tuple[str, ...]) -> Session:
        graph = quantise(self._graphs[role], self._ranges[role], keep)
        name, rows = f"{role}.int8.onnx", self._vae._model.footprints[role].rows
        return Session(graph.SerializeToString(), name, providers=("CPUExecutionProvider",), threads=1, rows=rows)


def _spare(
    measure: _Loss,
    graphs: Mapping[str, onnx.ModelProto],
    keep: Keep,
    loss: float,
    allowed: float,
    say: Callable[[str], None],
) -> tuple[Keep, float]:
    """Leave the layers with most nats for their bytes in float32, one after the other, until the loss is allowed."""
    each = {
        (role, name): loss - measure({**keep, role: (*keep[role], name)})
        for role in ROLES
        for name in layers(graphs[role])
        if name not in keep[role]
    }
    for (role, name), cost in each.items():
        say(f"  {role} {name}: {cost:+.3f} nats")
    sizes = {(role, name): weight_count(graphs[role], name) for role, name in each}
    for (role, name), cost in sorted(each.items(), key=lambda item: -item[1] / sizes[item[0]]):
        if cost <= 0 or loss <= allowed:
            break
        keep = {**keep, role: (*keep[role], name)}
        loss = measure(keep)
        say(f"With {role} {name} in float32 it loses {loss:.3f} nats.")
    if loss > allowed:
        costs = sorted(each.items(), key=lambda item: -item[1])
        worst = ", ".join(f"{role} {name} {cost:.2f}" for (role, name), cost in costs[:5])
        raise ExportError(
            f"int8 loses {loss:.2f} nats and {allowed:g} are allowed (--int8-loss); the layers that cost most: {worst}."
        )
    return keep, loss


def _images(dataset: Dataset, rows: npt.NDArray[np.int64], config: Config) -> Float32:
    """Training images as they are met: half grey, half binarised where the model was trained on binary ones."""
    grey = from_uint8(dataset.train_images[rows])
    if config.targets == "grey":
        return grey
    binary = (np.random.default_rng(1).random(grey.shape) < grey).astype(np.float32)
    return np.concatenate([grey[: len(grey) // 2], binary[len(grey) // 2 :]])


def _latents(vae: VAE, images: Float32) -> Float32:
    n = len(images) // 2
    drawn = vae.prior.from_noise(standard_normal(n, vae.latent_size, seed=0), batch_size=64)
    return np.concatenate([vae.encode(images[-n:]).sample(seed=1), drawn])


def _speedups(float32: VAE, int8: VAE, images: Float32) -> dict[str, float]:
    """How many times faster int8 encodes and decodes a batch."""
    z = float32.encode(images).mean
    calls = 40 if len(images) == 1 else 3
    return {
        "encode": speed_ratio(lambda: float32.encode(images), lambda: int8.encode(images), calls),
        "decode": speed_ratio(lambda: float32.decode(z), lambda: int8.decode(z), calls),
    }


def speed_ratio(slow: Callable[[], object], fast: Callable[[], object], calls: int) -> float:
    """How many times as fast the second call is: the median of rounds in which both take turns."""
    ratios = []
    for _ in range(ROUNDS + 1):
        seconds = []
        for call in (slow, fast):
            start = time.perf_counter()
            for _ in range(calls):
                call()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios[1:])  # the first round warms up
