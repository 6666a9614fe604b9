"""What callers have of tiles: a picture of any size encoded, decoded and reconstructed by a model of a fixed one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..coerce import as_array
from ..errors import InputError
from ..maths.arrays import check_latents
from ..maths.posterior import Posterior
from ..pictures.decoded import Picture
from ..pictures.sources import Source
from ..vae import VAE
from .coding import decoded, encoded
from .frame import Frame
from .source import Readable, readable

Float32 = npt.NDArray[np.float32]
Large = Source | Picture | npt.NDArray[Any]

OVERLAP = 0.25


def encode_tiled(vae: VAE, picture: Large, *, overlap: float = OVERLAP, batch_size: int = 64) -> Posterior:
    """Give q(z|x) of a picture of any size, deterministic: mean and logvar float32 [1, channels, rows, columns].

    picture: a path, bytes, an open binary file or a Pillow image, as of `read_images`, or float [channels, height,
    width] in [0, 1]. Windows have the size of the model's images and overlap by `overlap` of it or more; means and
    log-variances are blended there. Nothing is scaled: where a picture ends within a cell of the latents, or is smaller
    than a window, its last row and column go on. For models whose latents are a map [channels, rows, columns]; an
    InputError for others. A picture of the model's own size gives what `VAE.encode` gives.
    """
    frame = frame_of(vae, overlap)
    with readable(picture, vae.manifest.image) as opened:
        return _encode(vae, opened, frame, batch_size)


def decode_tiled(
    vae: VAE,
    z: npt.ArrayLike,
    *,
    size: tuple[int, int] | None = None,
    overlap: float = OVERLAP,
    batch_size: int = 64,
) -> Float32:
    """Give the mean of p(x|z) of latents of any size, deterministic: float32 [1, channels, height, width].

    z: float [1, channels, rows, columns], as of `encode_tiled`. size: the (width, height) of the picture that they came
    from; what its last row and column were continued with is cut off. None keeps all.
    """
    return _together(decode_strips(vae, z, size=size, overlap=overlap, batch_size=batch_size))


def reconstruct_tiled(vae: VAE, picture: Large, *, overlap: float = OVERLAP, batch_size: int = 64) -> Float32:
    """Decode the posterior mean of a picture of any size, deterministic: float32 [1, channels, height, width]."""
    return _together(reconstruct_strips(vae, picture, overlap=overlap, batch_size=batch_size))


class Strips(NamedTuple):
    """A picture of (width, height) as [channels, some rows, width] from the top down, never whole in memory."""

    channels: int
    size: tuple[int, int]
    parts: Iterator[Float32]


def decode_strips(
    vae: VAE,
    z: npt.ArrayLike,
    *,
    size: tuple[int, int] | None = None,
    overlap: float = OVERLAP,
    batch_size: int = 64,
) -> Strips:
    """As `decode_tiled`."""
    frame = frame_of(vae, overlap)
    z, size = _checked(vae, z, frame, size)
    parts = decoded(lambda windows: vae.decode(windows, batch_size=batch_size), z[0], frame)
    return Strips(vae.image_shape[0], size, _cut(parts, size))


def reconstruct_strips(vae: VAE, picture: Large, *, overlap: float = OVERLAP, batch_size: int = 64) -> Strips:
    """As `reconstruct_tiled`."""
    frame = frame_of(vae, overlap)
    with readable(picture, vae.manifest.image) as opened:
        mean, size = _encode(vae, opened, frame, batch_size).mean, opened.size
    return decode_strips(vae, mean, size=size, overlap=overlap, batch_size=batch_size)


def frame_of(vae: VAE, overlap: float) -> Frame:
    """How the model's window lies on pictures; an InputError for a model whose latents have no place."""
    return Frame.of(vae.image_shape, vae.latent_shape, overlap)


def _encode(vae: VAE, picture: Readable, frame: Frame, batch_size: int) -> Posterior:
    channels = vae.latent_shape[0]

    def encode(windows: Float32) -> Float32:
        mean, logvar = vae.encode(windows, batch_size=batch_size)
        return mean if logvar is None else np.concatenate([mean, logvar], axis=1)

    whole = np.concatenate(list(encoded(encode, picture, frame)), axis=1)[None]
    return Posterior(whole[:, :channels], whole[:, channels:] if whole.shape[1] > channels else None)


def _checked(vae: VAE, z: Any, frame: Frame, size: tuple[int, int] | None) -> tuple[Float32, tuple[int, int]]:
    """Latents of one picture, and its (width, height): the one asked for, or all that they show."""
    array, channels = as_array(z, "z"), vae.latent_shape[0]
    if array.ndim != 4 or array.shape[:2] != (1, channels) or not frame.holds(array.shape[2:]):
        expected = f"[1, {channels}, rows, columns], {' x '.join(map(str, frame.window))} places or more"
        raise InputError(f"z is {list(array.shape)}; expected latents of one picture, {expected}.")
    z, whole = check_latents(array, array.shape[1:]), frame.pixels(array.shape[2:])
    if size is not None and (min(size) < 1 or frame.cells(size) != array.shape[2:]):
        raise InputError(
            f"size is {size[0]}x{size[1]}; these latents are of a picture of {whole[0]}x{whole[1]}, or a little less."
        )
    return z, size or whole


def _cut(strips: Iterator[Float32], size: tuple[int, int]) -> Iterator[Float32]:
    """What lies inside the picture."""
    width, left = size
    for strip in strips:
        if left > 0:
            yield strip[:, :left, :width]
        left -= strip.shape[1]


def _together(strips: Strips) -> Float32:
    """A batch of one."""
    width, height = strips.size
    image, top = np.empty((1, strips.channels, height, width), np.float32), 0
    for strip in strips.parts:
        image[0, :, top : top + strip.shape[1]] = strip
        top += strip.shape[1]
    return image
