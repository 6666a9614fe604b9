"""Does the exported model equal the torch model? Asked before anything is kept, of the runtime that devices use.

Two sound float32 programs differ by what float32 loses, which depends on the weights. So both are held against the same
model in float64: the graphs may be as far from it as torch's own float32 is, with a margin. The probes are images and
latents where models live; latents far outside must only give finite numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from vae_train.config import Config
from vae_train.detector.network import Detector
from vae_train.models.networks import VAE as TorchVAE

from vae_runtime import VAE
from vae_runtime.maths.noise import standard_normal
from vae_runtime.passes import score_all

from ..errors import ExportError
from .torch_numbers import Array, likely_images, torch_numbers

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

PICTURES, DRAWS_OF_PRIOR = "pictures drawn from the model", "draws from the prior"


class Parity(NamedTuple):
    """One tensor of one probe: errors against float64 as shares of the tensor's size, the largest over all batches."""

    tensor: str
    probe: str
    ours: float
    torchs: float
    floor: float = FLOOR
    least: float = 1.0  # what a size counts as if it is less

    @property
    def limit(self) -> float:
        """What the error may be."""
        return min(GREATEST, max(self.floor, MARGIN * self.torchs))


@torch.inference_mode()
def compare(model: TorchVAE, config: Config, vae: VAE, detector: Detector | None = None) -> list[Parity]:
    """Every tensor of every probe, over batch sizes; an output that is not finite is an ExportError."""
    errors = _Errors()
    exact = copy.deepcopy(model).double()
    exact_detector = copy.deepcopy(detector).double() if detector else None
    for probe, images in _image_probes(model, config):
        x, ours = torch.from_numpy(images), vae.encode(images)
        outputs = zip(("mean", "logvar"), ours, model.encode(x), exact.encode(x.double()), strict=True)
        for name, mine, torchs, truth in outputs:
            errors.note(name, probe, mine, torchs, truth)
        if detector and exact_detector:
            faults = vae.anomaly_map(images, method="faults")
            errors.note("nats", f"the faults of {probe}", faults, detector(x), exact_detector(x.double()))
    for eps in (standard_normal(batch, config.latent_size, seed=batch) for batch in BATCHES):
        noise, ours_z = torch.from_numpy(eps), vae.prior.from_noise(eps, batch_size=64)
        z = model.prior.from_noise(noise)
        errors.note("z", DRAWS_OF_PRIOR, ours_z, z, exact.prior.from_noise(noise.double()))
        _compare_prior(errors, model, exact, vae, z)
        torch_decoded, true_decoded = (
            each.likelihood.decoded(each.decode(at)) for each, at in ((model, z), (exact, z.double()))
        )
        for name, mine in vae._model.decode_all(z.numpy(), batch_size=64).items():
            errors.note(name, DRAWS_OF_PRIOR, mine, torch_decoded[name], true_decoded[name])
    for probe, images in _probes(model, config, MOST_SCORED):
        _compare_nats(errors, model, exact, vae, probe, images, (detector, exact_detector))
    _require_finite_far_out(config, vae)
    return errors.all()


def _compare_nats(
    errors: _Errors,
    model: TorchVAE,
    exact: TorchVAE,
    vae: VAE,
    probe: str,
    images: npt.NDArray[np.float32],
    detectors: tuple[Detector | None, Detector | None],
) -> None:
    """Bounds and scores, also of images that no model would draw."""
    torchs, truths = (
        torch_numbers(each, images, draws=DRAWS, methods=vae.manifest.scores, detector=detector)
        for each, detector in zip((model, exact), detectors, strict=True)
    )
    elbo, scores = vae.elbo(images, samples=DRAWS), score_all(vae, images, vae.manifest.scores).scores
    for name in ("log_likelihood", "kl", "iwae"):
        of = f"the {name.replace('_', '-')} of {probe}"
        errors.note_nats(of, getattr(elbo, name), getattr(torchs, name), getattr(truths, name))
    for method, truth in truths.scores.items():
        errors.note_nats(f"the score {method} of {probe}", scores[method], torchs.scores[method], truth)


def _compare_prior(errors: _Errors, model: TorchVAE, exact: TorchVAE, vae: VAE, z: Tensor) -> None:
    """The density of latents, and the noise found for them: small beside the nats of an image's pixels."""
    ours, truth = vae.prior.log_prob(z.numpy(), batch_size=64), exact.prior.log_prob(z.double())
    errors.note_nats(f"the density of {DRAWS_OF_PRIOR}", ours, model.prior.log_prob(z), truth)
    noise = vae.prior.to_noise(z.numpy(), batch_size=64)
    errors.note(
        "z",
        f"the noise of {DRAWS_OF_PRIOR}",
        noise,
        model.prior.to_noise(z)[0],
        exact.prior.to_noise(z.double())[0],
    )


def require_parity(parity: list[Parity]) -> None:
    """Refuse the export if any tensor lies farther from the model in float64 than float32 explains."""
    for item in parity:
        if item.ours <= item.limit:  # not true of NaN
            continue
        if item.torchs * MARGIN > GREATEST:
            raise ExportError(
                f"the model is not determined in float32: for {item.probe}, torch's own {item.tensor} lies "
                f"{item.torchs:.1e} of its size from float64's. Train again, with a lower --learning-rate."
            )
        raise ExportError(
            f"the exported graphs are another model: for {item.probe}, {item.tensor} lies {item.ours:.1e} of its size "
            f"from the torch model in float64, where torch's own float32 lies {item.torchs:.1e} and {item.limit:.1e} "
            "is allowed. Export with the versions in constraints.txt; if they are these, report it with the run's "
            "config.json."
        )


def largest(parity: list[Parity]) -> dict[str, Parity]:
    """Of each tensor the probe that lies farthest from float64."""
    each = {name: [item for item in parity if item.tensor == name] for name in TENSORS}
    return {name: max(items, key=lambda item: item.ours) for name, items in each.items() if items}


class _Errors:
    """The largest error of each tensor and probe."""

    def __init__(self) -> None:
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
        self._known[tensor, probe] = Parity(tensor, probe, ours_yet, torchs_yet, floor, least)

    def all(self) -> list[Parity]:
        return list(self._known.values())


def _image_probes(model: TorchVAE, config: Config) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for batch in BATCHES:
        yield from _probes(model, config, batch)


def _probes(model: TorchVAE, config: Config, batch: int) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """So many images of each kind: likely ones, and the most absurd."""
    shape, likely = (batch, *config.image_shape), likely_images(model, config, batch)
    yield PICTURES, likely
    yield "inverted pictures", 1 - likely
    yield "pictures of noise", np.random.default_rng(batch).random(shape, dtype=np.float32)
    greys = np.linspace(0, 1, batch, dtype=np.float32)
    yield "plain pictures", np.broadcast_to(greys[:, None, None, None], shape).copy()


def _require_finite_far_out(config: Config, vae: VAE) -> None:
    eps = standard_normal(16, config.latent_size, seed=0)
    for name, far in (("noise of 5 standard deviations", FAR * eps), ("noise of +-10", 10 * np.sign(eps))):
        z = vae.prior.from_noise(far, batch_size=64)
        _require_finite(z, f"the exported z for {name}")
        _require_finite(vae.decode(z), f"the exported images for {name}")


def _require_finite(array: Array, name: str) -> None:
    if not np.isfinite(array).all():
        raise ExportError(f"{name} holds NaN or infinity. Train again, with a lower --learning-rate.")
