"""The bounds on log p(x) of a whole test set: by torch, or by the runtime from exported graphs, with the same noise.

The noise is the runtime's (docs/FORMAT.md): draw s of image i is the same whatever is measured beside it. So figures of
two engines or two subsets are comparable number by number, and a measurement that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from vae_runtime import VAE as RuntimeVAE
from vae_runtime.console import say
from vae_runtime.errors import InputError
from vae_runtime.files import write_file
from vae_runtime.maths.bounds import log_mean_exp
from vae_runtime.maths.posterior import Posterior
from vae_runtime.model.sessions import import_onnxruntime
from vae_runtime.progress import hours

from ..checkpoint import weights_digest
from ..models.densities import log_normal
from ..models.networks import VAE

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

ROWS = 500  # latents decoded at once: small enough for a processor's cache
SAVE_SECONDS = 30.0


class BoundsEngine(Protocol):
    """What bounds are measured with."""

    name: str  # for people, with its version
    digest: str  # of the weights

    def bounds(self, images: Float32, *, draws: int, start: int) -> Float64:
        """The ELBO's two terms averaged over the draws and the importance-weighted bound: [batch, 3], nats.

        images [batch, channels, height, width] count from `start`. Burda, Grosse and Salakhutdinov 2016, equation 8:
        log p(x) >= E[log mean_k p(x|z_k) p(z_k) / q(z_k|x)].
        """


class TorchEngine:
    """The torch model, on its device."""

    def __init__(self, model: VAE, device: torch.device) -> None:
        self._model, self._device = model, device
        self.name = f"torch {torch.__version__}"
        self.digest = weights_digest(model) + (f" {device.type}" if device.type != "cpu" else "")

    @torch.inference_mode()
    def bounds(self, images: Float32, *, draws: int, start: int) -> Float64:
        x = torch.from_numpy(images).to(self._device)
        mean, logvar = self._model.encode(x)
        posterior = Posterior(mean.cpu().numpy(), logvar.cpu().numpy())
        likelihoods, kls, weights = (np.empty((len(images), draws)) for _ in range(3))
        at_once = max(1, ROWS // len(images))
        for first in range(0, draws, at_once):
            columns = slice(first, min(first + at_once, draws))
            # Draws before images: a batch of them then meets the images by broadcasting.
            noise = posterior.draws(first, columns.stop - first, seed=0, start=start).swapaxes(0, 1)
            z = torch.from_numpy(np.ascontiguousarray(noise)).to(self._device)
            logits = self._model.decode(z.flatten(0, 1))
            targets = x.expand(len(z), *x.shape).flatten(0, 1)
            likelihood = self._model.likelihood.log_prob(targets, logits).view(len(z), -1).double()
            ratio = (self._model.prior.log_prob(z) - log_normal(z, mean, logvar)).double()
            kl = self._model.prior.kl(z, mean, logvar).expand(len(z), -1).double()
            for table, part in ((likelihoods, likelihood), (kls, kl), (weights, likelihood + ratio)):
                table[:, columns] = part.T.cpu().numpy()
        return np.stack([likelihoods.mean(1), kls.mean(1), log_mean_exp(weights)], axis=1)


class RuntimeEngine:
    """A model folder through `vae_runtime`: what a device computes."""

    def __init__(self, folder: Path, threads: int | None) -> None:
        self._vae, self._folder = RuntimeVAE.load(folder, threads=threads), folder
        self.name = f"onnxruntime {import_onnxruntime().__version__}"
        self.digest = "".join([self._vae.manifest.pair_id, *map(str, self._vae.manifest.labels)])

    def require_export_of(self, model: VAE, images: Float32) -> None:
        """Refuse graphs that are not those of the torch model: figures of two models would be mixed."""
        with torch.inference_mode():
            device = next(model.parameters()).device
            mean = model.encode(torch.from_numpy(images).to(device))[0].cpu().numpy()
        exported = self._vae.encode(images).mean
        if exported.shape != mean.shape or np.abs(exported - mean).max() > 1e-2:
            raise InputError(f"{self._folder} is not the export of this run: it encodes images to other latents.")

    def bounds(self, images: Float32, *, draws: int, start: int) -> Float64:
        elbo = self._vae.elbo(images, samples=draws, seed=0, start=start)
        return np.stack([elbo.log_likelihood, elbo.kl, elbo.iwae], axis=1)


def dataset_bounds(
    engine: BoundsEngine,
    images: Float32,
    *,
    draws: int,
    kept_in: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Float64:
    """The bounds of a set, [len(images), 3]. What is measured is kept in a file and not measured again."""
    kept = _Kept(kept_in, f"{engine.name} {engine.digest} K={draws}", images)
    at_once = max(1, min(len(images), ROWS // min(draws, 100)))
    todo = np.flatnonzero(np.isnan(kept.rows[:, 0]))
    saved_at = started_at = time.monotonic()
    for first in range(0, len(todo), at_once):
        chosen = todo[first : first + at_once]
        for start, stop in _runs(chosen):
            kept.rows[start:stop] = engine.bounds(images[start:stop], draws=draws, start=start)
        done = first + len(chosen)
        left = (time.monotonic() - started_at) / done * (len(todo) - done)
        progress(f"bounds of {draws:,} draws: {done:,} of {len(todo):,} images, {hours(left)} left")
        if time.monotonic() - saved_at > SAVE_SECONDS:
            kept.save()
            saved_at = time.monotonic()
    kept.save()
    return kept.rows


class _Kept:
    """Rows of bounds by image; a row counts only for the same engine, weights, draws and image."""

    def __init__(self, path: Path | None, identity: str, images: Float32) -> None:
        self._path = path
        self._keys = [_key(identity, row, image) for row, image in enumerate(images)]
        known = self._read()
        self.rows = np.array([known.get(key, (np.nan,) * 3) for key in self._keys], np.float64).reshape(-1, 3)

    def save(self) -> None:
        """Add the rows to the file, whatever another measurement has added since."""
        if self._path is None:
            return
        done = {key: tuple(row) for key, row in zip(self._keys, self.rows.tolist(), strict=True) if row[0] == row[0]}
        known = self._read() | done
        buffer = io.BytesIO()
        np.savez(buffer, keys=np.fromiter(known, np.uint64), rows=np.array(list(known.values())).reshape(-1, 3))
        write_file(self._path, buffer.getvalue())

    def _read(self) -> dict[int, tuple[float, ...]]:
        """What is kept; a file that cannot be read is nothing but lost time."""
        try:
            if self._path is None:
                return {}
            with np.load(self._path, allow_pickle=False) as file:
                return dict(zip(file["keys"].tolist(), map(tuple, file["rows"].tolist()), strict=True))
        except FileNotFoundError:
            return {}
        except Exception as error:  # damage comes as whatever zipfile, zlib or numpy met first
            say(f"{self._path} is damaged ({error}); measuring anew.")
            return {}


def _key(identity: str, row: int, image: Float32) -> int:
    return int.from_bytes(hashlib.sha256(f"{identity} {row} ".encode() + image.tobytes()).digest()[:8], "little")


def _runs(indices: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Neighbouring indices as (start, stop)."""
    parts = np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]
