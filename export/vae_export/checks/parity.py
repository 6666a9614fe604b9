"""Does the exported model equal the torch model? Asked before anything is kept, of the runtime that devices use.

Two sound float32 programs differ by what float32 loses, which depends on the weights. So both are held against the same
model in float64: the graphs may be as far from it as torch's own float32 is, with a margin. The probes are images and
latents where models live; latents far outside must only give finite numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vae_runtime import VAE
from vae_runtime.maths.noise import standard_normal
from vae_runtime.passes import score_all

from ..errors import ExportError
from ..torch_side import TorchSide, decoded
from .torch_numbers import Array, torch_numbers

BATCHES = (0, 1, 2, 7, 64)
DRAWS, MOST_SCORED = 4, 16  # draws of an image, and images of a probe, whose nats are compared
TENSORS = ("mean", "logvar", "z", "images", "logits", "nats")  # those of the manifest's tolerances
# Of a tensor's size: what 80 roundings of float32 come to, where torch itself happens to be nearer to the truth.
FLOOR = 80 * 2.0**-24
# Of nats that are sums over an image: what may differ is 1e-3 nats, or 1e-6 of more than a thousand.
NATS_FLOOR, USUAL_NATS = 1e-6, 1000.0
MARGIN = 8.0  # times torch's own error: two sound orders of summation differ by less
GREATEST = 1e-2  # share of its size that float32 may leave open at all
FAR = 5.0  # standard deviations of noise: beyond is not where models live

INEXACT_FLOOR = 1e-4  # where float32 is held against float32: what two orders of summation come to in a deep network

PICTURES, DRAWS_OF_PRIOR = "pictures drawn from the model", "draws from the prior"
LATENTS_OF_PICTURES = "the latents of pictures"


class Parity(NamedTuple):
    """One tensor of one probe: errors against float64 as shares of the tensor's size, the largest over all batches."""

    tensor: str
    probe: str
    ours: float
    torchs: float
    floor: float = FLOOR
    least: float = 1.0  # what a size counts as if it is less
    truth: str = "float64"  # float32 of a model that cannot be made double: its own numbers are the truth then

    @property
    def limit(self) -> float:
        """What the error may be."""
        return min(GREATEST, max(self.floor, MARGIN * self.torchs))


@torch.inference_mode()
def compare(side: TorchSide, vae: VAE) -> list[Parity]:
    """Every tensor of every probe, over batch sizes; an output that is not finite is an ExportError."""
    exact = side.exact()
    errors = _Errors(exact is not None)
    truth = exact or side
    for probe, images in _image_probes(side):
        x = torch.from_numpy(images)
        torchs, truths = side.model.encode(x), truth.model.encode(x.to(truth.dtype))
        for name, *each in zip(("mean", "logvar"), vae.encode(images), torchs, truths, strict=True):
            if each[-1] is not None:
                errors.note(name, probe, *each)
        if side.detector and truth.detector:
            faults = vae.anomaly_map(images, method="faults")
            errors.note("nats", f"the faults of {probe}", faults, side.detector(x), truth.detector(x.to(truth.dtype)))
    for probe, z in _latent_probes(side, truth, vae, errors):
        torch_outputs, true_outputs = decoded(side, z), decoded(truth, z.to(truth.dtype))
        for name, mine in vae._model.decode_all(z.numpy(), batch_size=64).items():
            errors.note(name, probe, mine, torch_outputs[name], true_outputs[name])
    for probe, images in _probes(side, MOST_SCORED):
        _compare_nats(errors, side, truth, vae, probe, images)
    if vae.manifest.has_prior:
        _require_finite_far_out(side, vae)
    return errors.all()


def _latent_probes(side: TorchSide, truth: TorchSide, vae: VAE, errors: _Errors) -> Iterator[tuple[str, Tensor]]:
    """Draws from the prior, themselves compared; without a prior the latents of pictures."""
    for batch in _batches(side):
        if side.model.prior is None:
            yield LATENTS_OF_PICTURES, side.model.encode(torch.from_numpy(side.likely_images(batch)))[0]
            continue
        eps = standard_normal(batch, side.latent_size, seed=batch)
        noise = torch.from_numpy(eps)
        ours_z = vae.prior.from_noise(eps.reshape(batch, *side.latent_shape), batch_size=64)
        z = side.shaped(side.model.prior.from_noise(noise))
        errors.note("z", DRAWS_OF_PRIOR, ours_z, z, truth.shaped(truth.model.prior.from_noise(noise.to(truth.dtype))))
        _compare_prior(errors, side, truth, vae, z)
        yield DRAWS_OF_PRIOR, z


def _compare_nats(
    errors: _Errors, side: TorchSide, truth: TorchSide, vae: VAE, probe: str, images: npt.NDArray[np.float32]
) -> None:
    """Bounds and scores, also of images that no model would draw."""
    methods, bounds = vae.manifest.scores, vae.manifest.has_elbo
    torchs, truths = (
        torch_numbers(each, images, draws=DRAWS, methods=methods, bounds=bounds) for each in (side, truth)
    )
    elbo, scores = vae.elbo(images, samples=DRAWS) if bounds else None, score_all(vae, images, methods).scores
    for name in ("log_likelihood", "kl", "iwae") if elbo else ():
        of = f"the {name.replace('_', '-')} of {probe}"
        errors.note_nats(of, getattr(elbo, name), getattr(torchs, name), getattr(truths, name))
    for method, score in truths.scores.items():
        errors.note_nats(f"the score {method} of {probe}", scores[method], torchs.scores[method], score)


def _compare_prior(errors: _Errors, side: TorchSide, truth: TorchSide, vae: VAE, z: Tensor) -> None:
    """The density of latents, and the noise found for them: small beside the nats of an image's pixels."""
    rows, prior, true_prior = side.flat(z), side.model.prior, truth.model.prior
    true_rows = rows.to(truth.dtype)
    ours = vae.prior.log_prob(z.numpy(), batch_size=64)
    errors.note_nats(f"the density of {DRAWS_OF_PRIOR}", ours, prior.log_prob(rows), true_prior.log_prob(true_rows))
    errors.note(
        "z",
        f"the noise of {DRAWS_OF_PRIOR}",
        vae.prior.to_noise(z.numpy(), batch_size=64),
        side.shaped(prior.to_noise(rows)[0]),
        side.shaped(true_prior.to_noise(true_rows)[0]),
    )


def require_parity(parity: list[Parity]) -> None:
    """Refuse the export if any tensor lies farther from the model in float64 than float32 explains."""
    for item in parity:
        if item.ours <= item.limit:  # not true of NaN
            continue
        if item.torchs * MARGIN > GREATEST:
            raise ExportError(
                f"the model is not determined in float32: for {item.probe}, torch's own {item.tensor} lies "
                f"{item.torchs:.1e} of its size from float64's. Train again, with a lower learning rate."
            )
        raise ExportError(
            f"the exported graphs are another model: for {item.probe}, {item.tensor} lies {item.ours:.1e} of its size "
            f"from the torch model in {item.truth}, where torch's own float32 lies {item.torchs:.1e} and "
            f"{item.limit:.1e} is allowed. Export with the versions in constraints.txt; if they are these, report it "
            "with the run's config.json, or the module."
        )


def largest(parity: list[Parity]) -> dict[str, Parity]:
    """Of each tensor the probe that lies farthest from float64."""
    each = {name: [item for item in parity if item.tensor == name] for name in TENSORS}
    return {name: max(items, key=lambda item: item.ours) for name, items in each.items() if items}


class _Errors:
    """The largest error of each tensor and probe; exact: whether the truth is the model in float64."""

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._known: dict[tuple[str, str], Parity] = {}

    def note_nats(self, probe: str, ours: Array, torchs: Array | Tensor, truth: Array | Tensor) -> None:
        """Add one batch of sums over images."""
        self.note("nats", probe, ours, torchs, truth, floor=NATS_FLOOR, least=USUAL_NATS)

    def note(
        self,
        tensor: str,
        probe: str,
        ours: Array,
        torchs: Array | Tensor,
        truth: Array | Tensor,
        *,
        floor: float = FLOOR,
        least: float = 1.0,
    ) -> None:
        """Add one batch; errors are shares of a row's largest absolute number, or of `least` if that is more."""
        precision = "float64" if self._exact else "float32"
        floor = floor if self._exact else max(floor, INEXACT_FLOOR)
        ours, torchs, truth = (np.asarray(array, np.float64) for array in (ours, torchs, truth))
        if ours.shape != truth.shape:
            raise ExportError(f"{tensor} has the shape {list(ours.shape)}, torch's has {list(truth.shape)}.")
        for array, whose in ((truth, "the torch model's"), (ours, "the exported")):
            _require_finite(array, f"{whose} {tensor} for {probe}")
        if not len(truth):
            return
        rows = truth.reshape(len(truth), -1)
        sizes = np.maximum(least, np.abs(rows).max(axis=1))

        def share(array: Array) -> float:
            return float((np.abs(array.reshape(rows.shape) - rows).max(axis=1) / sizes).max())

        known = self._known.get((tensor, probe), Parity(tensor, probe, 0.0, 0.0))
        ours_yet, torchs_yet = max(known.ours, share(ours)), max(known.torchs, share(torchs))
        self._known[tensor, probe] = Parity(tensor, probe, ours_yet, torchs_yet, floor, least, precision)

    def all(self) -> list[Parity]:
        return list(self._known.values())


def _image_probes(side: TorchSide) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for batch in _batches(side):
        yield from _probes(side, batch)


def _batches(side: TorchSide) -> tuple[int, ...]:
    """How many images at once: none too, but of networks that torch itself cannot run on none, such as attention."""
    try:
        side.model.encode(torch.empty(0, *side.image_shape))
        side.model.decode(torch.empty(0, *side.latent_shape))
    except RuntimeError:
        return BATCHES[1:]
    return BATCHES


def _probes(side: TorchSide, batch: int) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """So many images of each kind: likely ones, and the most absurd."""
    shape, likely = (batch, *side.image_shape), side.likely_images(batch)
    yield PICTURES, likely
    yield "inverted pictures", 1 - likely
    yield "pictures of noise", np.random.default_rng(batch).random(shape, dtype=np.float32)
    greys = np.linspace(0, 1, batch, dtype=np.float32)
    yield "plain pictures", np.broadcast_to(greys[:, None, None, None], shape).copy()


def _require_finite_far_out(side: TorchSide, vae: VAE) -> None:
    eps = standard_normal(16, side.latent_size, seed=0).reshape(16, *side.latent_shape)
    for name, far in (("noise of 5 standard deviations", FAR * eps), ("noise of +-10", 10 * np.sign(eps))):
        z = vae.prior.from_noise(far, batch_size=64)
        _require_finite(z, f"the exported z for {name}")
        _require_finite(vae.decode(z), f"the exported images for {name}")


def _require_finite(array: Array, name: str) -> None:
    if not np.isfinite(array).all():
        raise ExportError(f"{name} holds NaN or infinity. Train again, with a lower learning rate.")
