"""Find on training images which layers int8 must spare, and on test images what it costs; refuse it where that is much.

Images that gave ranges, images that chose layers and images that the cost is measured on are different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from vae_train.config import Config
from vae_train.data.datasets import Dataset

from vae_runtime import VAE, from_uint8
from vae_runtime.maths.noise import standard_normal

from ..draft import Draft
from ..errors import ExportError
from ..run_source import RunSource
from .cost import cost as cost_of
from .cost import held_out_images
from .graphs import float32_graphs, quantised
from .limits import DEFAULT_LIMITS, Limits
from .quantise import activation_ranges, layers, logit_nodes, weight_count
from .recipe import Ranges, Recipe
from .speed import speedups

RANGE_IMAGES, CHOICE_IMAGES, MEASURED_IMAGES = 512, 1000, 2000  # the last of the test set
SURE = 2.0  # standard errors that a loss on few test images must be too large by
ROLES = ("encoder", "decoder")

Float32 = npt.NDArray[np.float32]
Keep = dict[str, tuple[str, ...]]
Say = Callable[[str], None]


def find_recipe(
    draft: Draft, dataset: Dataset, *, limits: Limits = DEFAULT_LIMITS, say: Say = lambda text: None
) -> Recipe:
    """Quantise all layers that the limits allow. An ExportError says why there is no int8.

    Half of the latents that give the decoder's ranges are posterior draws, half the prior's. The loss is of the ELBO,
    with the same noise: it chooses layers on training images that gave no range; `measured` is of test images.
    """
    assert isinstance(draft.source, RunSource)  # others have no data set
    config = draft.source.config
    for_ranges, for_choice = _divided(dataset, config)
    graphs = float32_graphs(draft)
    with draft.opened(threads=1) as float32:
        ranges = {
            "encoder": activation_ranges(graphs["encoder"], for_ranges),
            "decoder": activation_ranges(graphs["decoder"], _latents(float32, for_ranges)),
        }
        loss = Loss(draft, ranges, for_choice, float(float32.elbo(for_choice).value.mean()))
        keep = _choose(loss, graphs, limits.nats, say)
        with loss.opened(keep) as int8:
            measured = _affordable(float32, int8, held_out_images(dataset, config, most=MEASURED_IMAGES), limits, say)
            measured |= _faster(float32, int8, for_choice, say)
    return Recipe(ranges, keep, measured)


class Loss(NamedTuple):
    """Nats of ELBO that a choice of float32 layers still loses: of images that float32 gives `elbo` nats each."""

    draft: Draft
    ranges: Mapping[str, Ranges]
    images: Float32
    elbo: float

    def __call__(self, keep: Keep) -> float:
        with self.opened(keep) as int8:
            return self.elbo - float(int8.elbo(self.images).value.mean())

    def opened(self, keep: Keep) -> AbstractContextManager[VAE]:
        """The model with int8 graphs, all but these layers, as a folder of it will be opened."""
        return quantised(self.draft, Recipe(self.ranges, keep, {})).opened(precision="int8", threads=1)


def _divided(dataset: Dataset, config: Config) -> tuple[Float32, Float32]:
    """Training images that give ranges, and others that choose layers."""
    order = np.random.default_rng(0).permutation(len(dataset.train_images))
    if len(order) < 2:
        raise ExportError("one training image is too few to choose 8-bit layers with.")
    split = min(RANGE_IMAGES, len(order) // 2)
    rows = order[:split], order[split : split + CHOICE_IMAGES]
    return _images(dataset, rows[0], config), _images(dataset, rows[1], config)


def _choose(loss: Loss, graphs: Mapping[str, onnx.ModelProto], allowed: float, say: Say) -> Keep:
    """The layers that stay float32: those of logits, and as few others as the loss allows."""
    keep: Keep = {"encoder": (), "decoder": tuple(logit_nodes(graphs["decoder"]))}
    nats = loss(keep)
    say(f"int8 of all layers loses {nats:.3f} nats; {allowed:g} are allowed.")
    return keep if nats <= allowed else _spare(loss, graphs, keep, nats, allowed, say)


def _spare(
    loss: Loss, graphs: Mapping[str, onnx.ModelProto], keep: Keep, nats: float, allowed: float, say: Say
) -> Keep:
    """Leave the layers with most nats for their bytes in float32, one after the other, until the loss is allowed."""
    costs = {
        (role, name): nats - loss({**keep, role: (*keep[role], name)})
        for role in ROLES
        for name in layers(graphs[role])
        if name not in keep[role]
    }
    for (role, name), cost in costs.items():
        say(f"  {role} {name}: {cost:+.3f} nats")
    sizes = {(role, name): weight_count(graphs[role], name) for role, name in costs}
    for (role, name), cost in sorted(costs.items(), key=lambda item: -item[1] / sizes[item[0]]):
        if cost <= 0 or nats <= allowed:
            break
        keep = {**keep, role: (*keep[role], name)}
        nats = loss(keep)
        say(f"With {role} {name} in float32 it loses {nats:.3f} nats.")
    if nats > allowed:
        dearest = sorted(costs.items(), key=lambda item: -item[1])[:5]
        worst = ", ".join(f"{role} {name} {cost:.2f}" for (role, name), cost in dearest)
        raise ExportError(
            f"int8 loses {nats:.2f} nats and {allowed:g} are allowed (--int8-loss); the layers that cost most: {worst}."
        )
    return keep


def _affordable(float32: VAE, int8: VAE, images: Float32, limits: Limits, say: Say) -> dict[str, float]:
    """What int8 costs on test images; an ExportError if that is surely more than the limits."""
    cost = cost_of(float32, int8, images)
    say(f"On {cost.images:,} test images it loses {cost.nats:.3f} nats.")
    if cost.nats - SURE * cost.standard_error > limits.nats:
        raise ExportError(
            f"int8 loses {cost.nats:.2f} nats on test images, which chose nothing, and {limits.nats:g} are allowed "
            "(--int8-loss)."
        )
    if cost.psnr < limits.psnr:
        raise ExportError(
            f"int8 reconstructions come to {cost.psnr:.1f} dB of float32's; {limits.psnr:g} are asked for."
        )
    return cost.figures()


def _faster(float32: VAE, int8: VAE, images: Float32, say: Say) -> dict[str, float]:
    """How many times float32's speed int8 has; an ExportError if it wins nothing."""
    measured = {}
    for batch in (1, 64):
        some = np.resize(images, (batch, *images.shape[1:]))  # the first ones, again where they are few
        for verb, ratio in speedups(float32, int8, some).items():
            say(f"int8 {verb} at batch {batch}, one thread: {ratio:.2f} times float32's speed.")
            measured[f"{verb}_speedup_batch_{batch}"] = round(ratio, 2)
            if ratio < 1:
                raise ExportError(
                    f"int8 {verb} at batch {batch} has {ratio:.2f} times the speed of float32 on this machine: "
                    "it would cost nats and win nothing."
                )
    return measured


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
