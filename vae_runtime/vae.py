"""class VAE: the one object that joins model, mathematics and pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .importance import estimate_bounds
from .interpolation import decode_between
from .maths.arrays import check_images, check_latents
from .maths.bounds import ELBO
from .maths.conformal import conformal_p_values
from .maths.noise import whole_number
from .maths.posterior import Posterior
from .model.folder import open_model
from .model.lacking import require_elbo
from .model.location import locate
from .model.manifest import Manifest
from .model.opened import Model
from .model.providers import full_names
from .model.scores import Place, calibration, require_map, require_score
from .passes import Pass
from .sampling import draw_samples

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class VAE:
    """A trained variational autoencoder: sample, encode, decode, reconstruct, interpolate, score.

    Arrays in, arrays out. Images are float32 [batch, channels, height, width] in [0, 1]. On the CPU, results do not
    depend on batch_size, on the number of threads, or on what else is in the batch. One object may be used from many
    threads at once, and pickled: it opens its folder again.
    """

    def __init__(self, model: Model | None = None, *, reopen: tuple[Any, ...] = (), place: Place = None) -> None:
        """Not for callers: use `VAE.load`."""
        if not isinstance(model, Model):
            given = "" if model is None else repr(model)
            raise InputError(f"VAE({given}) opens no model; use VAE.load({given}).")
        self._model, self._reopen, self._place = model, reopen, place
        self.prior, self._labels = model.prior, model.labels

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        providers: str | Iterable[str] = ("CPUExecutionProvider",),
        threads: int | None = None,
        precision: str = "float32",
        digest: str | None = None,
        large: bool = False,
    ) -> VAE:
        """Open a model folder; None is the model that came with the package.

        providers: execution providers, by onnxruntime's names or short ones ("cuda"); one that does not come is a
        ProviderError, never a silent CPU run. threads: processor threads; None takes all that this process may use.
        digest: the sha256 of its manifest.json (`vae info` prints it), which names every other file's: with it, the
        model is the very one that was meant, or an IntegrityError. large: for a model of someone you trust, up to 16
        GiB of memory and files of 2 GiB, in the place of 1 GiB and 128 MiB.
        """
        asked: dict[str, Any] = dict(
            providers=full_names(providers), threads=threads, precision=precision, digest=digest, large=large
        )
        model = open_model(locate(path), **asked)
        again = path if path is None else Path(path).absolute(), asked
        return cls(model, reopen=again, place=path)

    @property
    def manifest(self) -> Manifest:
        """What the model is: its probabilistic families, picture rules, files and training figures."""
        return self._model.manifest

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[channels, height, width] of one image."""
        return self.manifest.image.shape

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The sides of one latent: [size], or of spatial models [channels, height, width]."""
        return self.manifest.latent.shape

    @property
    def latent_size(self) -> int:
        """How many numbers a latent has."""
        return self.manifest.latent_size

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that the opened sessions really have."""
        return self._model.decoder.providers

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that `sample` can be asked for; empty for most models."""
        return self._labels.names if self._labels else ()

    def sample(
        self,
        n: int = 1,
        *,
        label: str | int | None = None,
        seed: int = 0,
        start: int = 0,
        temperature: float = 1.0,
        batch_size: int = 64,
    ) -> Float32:
        """Draw samples start .. start + n - 1 of a seed, seeded: the decoder's mean image for each latent of the prior.

        Returns images float32 [n, channels, height, width]; after sample 2^64 - 1 comes sample 0. A temperature below 1
        keeps nearer the prior's centre, or the label's. label: one of `labels`; None draws one for each sample, all
        equally likely.
        """
        return draw_samples(
            self._model, n, label, seed=seed, start=start, temperature=temperature, batch_size=batch_size
        )

    def encode(self, images: npt.ArrayLike, *, batch_size: int = 64) -> Posterior:
        """Give q(z|x) of images, deterministic: mean and log-variance, each float32 [batch, *latent_shape].

        The log-variance is None where the encoder is deterministic: `manifest.has_posterior` is false.
        """
        return self._model.encode(check_images(images, self.image_shape), batch_size=batch_size)

    def decode(self, z: npt.ArrayLike, *, batch_size: int = 64) -> Float32:
        """Give the mean of p(x|z), deterministic: z float [batch, *latent_shape] -> images."""
        return self._model.decode(check_latents(z, self.latent_shape), batch_size=batch_size)

    def reconstruct(self, images: npt.ArrayLike, *, batch_size: int = 64) -> Float32:
        """Decode the posterior mean of images, deterministic: images -> images."""
        return self._model.decode(self.encode(images, batch_size=batch_size).mean, batch_size=batch_size)

    def interpolate(self, start: npt.ArrayLike, end: npt.ArrayLike, *, steps: int = 8, path: str = "linear") -> Float32:
        """Decode `steps` latents from one image to another, both ends included, deterministic.

        start, end: one image each, [channels, height, width]; the way runs between their posterior means, along a line
        ("linear") or, in the prior's noise, along an arc ("spherical"). Returns images [steps, channels, height,
        width].
        """
        return decode_between(self._model, start, end, steps=steps, path=path)

    def elbo(
        self, images: npt.ArrayLike, *, samples: int = 1, seed: int = 0, start: int = 0, batch_size: int = 64
    ) -> ELBO:
        """Estimate the evidence lower bound of images from `samples` draws each, seeded; nats, float64 [batch].

        `iwae` is the importance-weighted bound of the same draws: with many, an estimate of log p(x). Images count from
        `start`; more samples add draws and change none, so estimates with few and with many are comparable.
        """
        require_elbo(self.manifest)
        images = check_images(images, self.image_shape)
        start = whole_number(start, "start")
        if whole_number(samples, "samples", below=2**31) < 1:
            raise InputError("samples is 0; expected 1 or more.")
        if whole_number(batch_size, "batch_size") < 1:
            raise InputError("batch_size is 0; expected 1 or more.")
        return estimate_bounds(self._model, images, samples=samples, seed=seed, start=start, batch_size=batch_size)

    def score(self, images: npt.ArrayLike, *, method: str | None = None, batch_size: int = 64) -> Float64:
        """Score how strange images are, deterministic: float64 [batch], nats, higher is stranger; z = posterior mean.

        method: one of `manifest.scores`; None is `manifest.usual_score`: "elbo", or "reconstruction" of a model without
        an ELBO. "elbo" is -(log p(x|z) + log p(z) - log q(z|x)), minus the log importance weight. "reconstruction" of a
        model without a likelihood is its squared error. `vae score -h` has a line for each.
        """
        method = require_score(self.manifest, method, self._place).name
        images = check_images(images, self.image_shape)
        scores = np.empty(len(images))
        for rows, part in self._passes(images, batch_size):
            scores[rows] = part.score(method)
        return scores

    def anomaly_map(
        self, images: npt.ArrayLike, *, method: str = "reconstruction", window: int | None = None, batch_size: int = 64
    ) -> Float32:
        """Where images are strange, deterministic: float32 [batch, height, width], nats a pixel, in the model's frame.

        "reconstruction": -log p(pixel|z) at z = posterior mean, summed over channels; "faults": the log-odds of a fault
        there, of models with a detector. Then the mean over a square of `window` pixels; None is 5 for the first, and 1
        for the second, which is smooth as it is.
        """
        usual = require_map(self.manifest, method, self._place).window
        window = usual if window is None else window
        if whole_number(window, "window") % 2 == 0:
            raise InputError(f"window is {window}; expected an odd number of pixels, for it has a middle.")
        images = check_images(images, self.image_shape)
        maps = np.empty((len(images), *self.image_shape[1:]), np.float32)
        for rows, part in self._passes(images, batch_size):
            maps[rows] = part.map(method, window)
        return maps

    def p_value(self, scores: npt.ArrayLike, *, method: str | None = None, two_sided: bool = False) -> Float64:
        """How rare scores as high are among normal images, deterministic: conformal p-values, of the shape of `scores`.

        Against the calibration scores in the manifest (`vae export --calibrate`, `vae calibrate`): an alarm at
        p <= a is a false one with probability at most a. two_sided: how rare scores as far out are, too low ones too.
        """
        known = calibration(
            self.manifest, method or self.manifest.usual_score, self._place
        )  # also "elbo_tiled" …, of the highest score of windows
        return conformal_p_values(scores, known, two_sided=two_sided)

    def label_probabilities(self, images: npt.ArrayLike, *, batch_size: int = 64) -> Float64:
        """p(label | z) at the posterior mean of images, deterministic: float64 [batch, labels].

        By Bayes' rule from the labels' Gaussians in the prior's noise, all labels equally likely beforehand.
        """
        if not self._labels:
            raise InputError(f"the model {self.manifest.name!r} has no labels.")
        mean = self.encode(images, batch_size=batch_size).mean
        return self._labels.probabilities(self.prior.to_noise(mean, batch_size=batch_size))

    def _passes(self, images: Float32, batch_size: int) -> Iterator[tuple[slice, Pass]]:
        """Some images at a time, each part with its rows."""
        for begin in range(0, len(images), self._model.at_once):
            rows = slice(begin, begin + self._model.at_once)
            yield rows, Pass(self._model, images[rows], batch_size=batch_size)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self._reopen

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.image_shape))
        latent = "x".join(map(str, self.latent_shape))
        return f"<VAE {self.manifest.name!r}: images {shape}, latent {latent}, {self.providers[0]}>"


def _reopen(path: Path | None, asked: dict[str, Any]) -> VAE:
    return VAE.load(path, **asked)
