"""Find on some images which layers int8 must spare, and on others what it costs; refuse it where that is much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from vae_runtime import VAE
from vae_runtime.maths.noise import standard_normal

from ..draft import Draft
from ..errors import ExportError
from .cost import cost as cost_of
from .graphs import float32_graphs, quantised
from .limits import DEFAULT_LIMITS, Limits
from .measure import Measure, measure_of
from .pictures import Pictures
from .quantise import activation_ranges, head_nodes, layers, logit_nodes, weight_count
from .recipe import Ranges, Recipe
from .speed import speedups

SURE = 2.0  # standard errors that a loss on few test images must be too large by
ROLES = ("encoder", "decoder")
_ROLES = {"encode": "encoder", "decode": "decoder"}  # by what is timed of them

Float32 = npt.NDArray[np.float32]
Keep = dict[str, tuple[str, ...]]
Speeds = dict[tuple[str, int], float]  # by verb and batch
Say = Callable[[str], None]


def find_recipe(
    draft: Draft, pictures: Pictures, *, limits: Limits = DEFAULT_LIMITS, say: Say = lambda text: None
) -> Recipe:
    """Quantise all layers that the limits allow. An ExportError says why there is no int8.

    Half of the latents that give the decoder's ranges are posterior draws, half the prior's, as far as there are such.
    A graph that gets no faster stays float32; what the other one alone then loses is measured.
    """
    graphs = float32_graphs(draft)
    with draft.opened(threads=1) as float32:
        ranges = {
            "encoder": activation_ranges(graphs["encoder"], pictures.for_ranges),
            "decoder": activation_ranges(graphs["decoder"], _latents(float32, pictures.for_ranges)),
        }
        measure = measure_of(draft.manifest)
        loss = Loss(draft, ranges, pictures.for_choice, measure, measure.said(float32, pictures.for_choice))
        keep = _choose(loss, {role: graphs[role] for role in ROLES if role in graphs}, limits.loss, say)
        with loss.opened(keep) as int8:
            speeds = _speeds(float32, int8, pictures.for_choice, say)
        keep, won = _worth_it(keep, speeds, say)
        with loss.opened(keep) as int8:
            measured = _affordable(float32, int8, pictures.held_out, limits, say)
    return Recipe({role: ranges[role] for role in keep}, keep, measured | won)


class Loss(NamedTuple):
    """What a choice of float32 layers still loses, of images that float32 says `said` of."""

    draft: Draft
    ranges: Mapping[str, Ranges]
    images: Float32
    measure: Measure
    said: npt.NDArray[Any]

    def __call__(self, keep: Keep) -> float:
        with self.opened(keep) as int8:
            return float(self.measure.lost(self.said, self.measure.said(int8, self.images)).mean())

    def opened(self, keep: Keep) -> AbstractContextManager[VAE]:
        """The model with int8 graphs, all but these layers, as a folder of it will be opened."""
        return quantised(self.draft, Recipe(self.ranges, keep, {})).opened(precision="int8", threads=1)


def _choose(loss: Loss, graphs: Mapping[str, onnx.ModelProto], allowed: float, say: Say) -> Keep:
    """The layers that stay float32: those of logits, and as few others as the loss allows."""
    keep: Keep = {"encoder": tuple(head_nodes(graphs["encoder"])), "decoder": tuple(logit_nodes(graphs["decoder"]))}
    keep = {role: names for role, names in keep.items() if set(layers(graphs[role])) - set(names)}
    if not keep:
        raise ExportError("neither graph has a layer that onnxruntime multiplies in integers (Conv, Gemm, MatMul).")
    lost = loss(keep)
    say(f"int8 of all layers loses {lost:.3f} {loss.measure.unit}; {allowed:g} are allowed.")
    return keep if lost <= allowed else _spare(loss, graphs, keep, lost, allowed, say)


def _spare(
    loss: Loss, graphs: Mapping[str, onnx.ModelProto], keep: Keep, lost: float, allowed: float, say: Say
) -> Keep:
    """Leave the layers with most loss for their bytes in float32, one after the other, until the loss is allowed."""
    unit = loss.measure.unit
    costs = {
        (role, name): lost - loss({**keep, role: (*keep[role], name)})
        for role in keep
        for name in layers(graphs[role])
        if name not in keep[role]
    }
    for (role, name), cost in costs.items():
        say(f"  {role} {name}: {cost:+.3f} {unit}")
    sizes = {(role, name): weight_count(graphs[role], name) for role, name in costs}
    for (role, name), cost in sorted(costs.items(), key=lambda item: -item[1] / sizes[item[0]]):
        if cost <= 0 or lost <= allowed:
            break
        keep = {**keep, role: (*keep[role], name)}
        lost = loss(keep)
        say(f"With {role} {name} in float32 it loses {lost:.3f} {unit}.")
    if lost > allowed:
        dearest = sorted(costs.items(), key=lambda item: -item[1])[:5]
        worst = ", ".join(f"{role} {name} {cost:.2f}" for (role, name), cost in dearest)
        raise ExportError(
            f"int8 loses {lost:.2f} {unit} and {allowed:g} are allowed (--int8-loss); the layers that cost most: "
            f"{worst}."
        )
    return keep


def _affordable(float32: VAE, int8: VAE, images: Float32, limits: Limits, say: Say) -> dict[str, float]:
    """What int8 costs on test images; an ExportError if that is surely more than the limits."""
    cost = cost_of(float32, int8, images)
    unit = cost.measure.unit
    say(f"On {cost.images:,} test images it loses {cost.loss:.3f} {unit}.")
    if cost.loss - SURE * cost.standard_error > limits.loss:
        raise ExportError(
            f"int8 loses {cost.loss:.2f} {unit} on test images, which chose nothing, and {limits.loss:g} are allowed "
            "(--int8-loss)."
        )
    if cost.psnr < limits.psnr:
        raise ExportError(
            f"int8 reconstructions come to {cost.psnr:.1f} dB of float32's; {limits.psnr:g} are asked for."
        )
    return cost.figures()


def _speeds(float32: VAE, int8: VAE, images: Float32, say: Say) -> Speeds:
    """How many times float32's speed int8 has, by verb and batch."""
    speeds: Speeds = {}
    for batch in (1, 64):
        some = np.resize(images, (batch, *images.shape[1:]))  # the first ones, again where they are few
        for verb, ratio in speedups(float32, int8, some).items():
            say(f"int8 {verb} at batch {batch}, one thread: {ratio:.2f} times float32's speed.")
            speeds[verb, batch] = ratio
    return speeds


def _worth_it(keep: Keep, speeds: Speeds, say: Say) -> tuple[Keep, dict[str, float]]:
    """The graphs that are faster at every batch, and how much; an ExportError if none is."""
    slow = {_ROLES[verb]: (verb, batch, ratio) for (verb, batch), ratio in reversed(speeds.items()) if ratio < 1}
    won = {role: names for role, names in keep.items() if role not in slow}
    if not won:
        verb, batch, ratio = next(slow[role] for role in reversed(list(keep)))
        raise ExportError(
            f"int8 {verb} at batch {batch} has {ratio:.2f} times the speed of float32 on this machine: "
            "it would cost nats and win nothing."
        )
    for role in keep.keys() - won.keys():
        say(f"The {role} stays float32, for 8 bits are no faster.")
    return won, {
        f"{verb}_speedup_batch_{batch}": round(ratio, 2)
        for (verb, batch), ratio in speeds.items()
        if _ROLES[verb] in won
    }


def _latents(vae: VAE, images: Float32) -> Float32:
    """What a decoder meets: draws of the posterior or else means, and as many of the prior if there is one."""
    manifest = vae.manifest
    n = len(images) // 2 if manifest.has_prior else 0
    posterior = vae.encode(images[-n:] if n else images)
    encoded = posterior.sample(seed=1) if manifest.has_posterior else posterior.mean
    if not n:
        return encoded
    drawn = vae.prior.from_noise(standard_normal(n, vae.latent_size, seed=0), batch_size=64)
    return np.concatenate([encoded, drawn.reshape(n, *vae.latent_shape)])
