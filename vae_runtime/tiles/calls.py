"""What callers have of tiles: a picture of any size encoded, decoded and reconstructed by a model of a fixed one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..maths.arrays import check_map
from ..maths.posterior import Posterior
from ..pictures.decoded import Picture
from ..pictures.sources import Source
from ..vae import VAE
from .coding import decoded, encoded
from .frame import Frame
from .source import Readable, readable

Float32 = npt.NDArray[np.float32]

OVERLAP = 0.25


def encode_tiled(
    vae: VAE, picture: Source | Picture | npt.NDArray[Any], *, overlap: float = OVERLAP, batch_size: int = 64
) -> Posterior:
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
    z = check_map(z, vae.latent_shape)
    frame = frame_of(vae, overlap)
    width, height = size_of(z, frame, size)
    image = np.empty((1, vae.image_shape[0], height, width), np.float32)
    top = 0
    for strip in decoded_strips(vae, z, (width, height), overlap=overlap, batch_size=batch_size):
        image[0, :, top : top + strip.shape[1]] = strip
        top += strip.shape[1]
    return image


def reconstruct_tiled(
    vae: VAE, picture: Source | Picture | npt.NDArray[Any], *, overlap: float = OVERLAP, batch_size: int = 64
) -> Float32:
    """Decode the posterior mean of a picture of any size, deterministic: float32 [1, channels, height, width]."""
    frame = frame_of(vae, overlap)
    with readable(picture, vae.manifest.image) as opened:
        mean, size = _encode(vae, opened, frame, batch_size).mean, opened.size
    return decode_tiled(vae, mean, size=size, overlap=overlap, batch_size=batch_size)


def decoded_strips(
    vae: VAE, z: Float32, size: tuple[int, int], *, overlap: float = OVERLAP, batch_size: int = 64
) -> Iterator[Float32]:
    """The same of checked latents as strips [channels, some rows, width] from the top down, never whole in memory."""
    (width, left), frame = size, frame_of(vae, overlap)
    for strip in decoded(lambda windows: vae.decode(windows, batch_size=batch_size), z[0], frame):
        if left > 0:
            yield strip[:, :left, :width]
        left -= strip.shape[1]


def frame_of(vae: VAE, overlap: float) -> Frame:
    """How the model's window lies on pictures; an InputError for a model whose latents have no place."""
    return Frame.of(vae.image_shape, vae.latent_shape, overlap)


def size_of(z: Float32, frame: Frame, size: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) of the picture of latents, or the one asked for where it is theirs."""
    rows, columns = z.shape[2:]
    height, width = rows * frame.cell[0], columns * frame.cell[1]
    if (rows, columns) < frame.window or columns < frame.window[1]:
        raise InputError(f"z has {rows}x{columns} places; expected {frame.window[0]}x{frame.window[1]} or more.")
    if size is None:
        return width, height
    if min(size) < 1 or frame.cells(size) != (rows, columns):
        raise InputError(f"size is {size[0]}x{size[1]}; latents of {rows}x{columns} places are of {width}x{height}.")
    return size


def _encode(vae: VAE, picture: Readable, frame: Frame, batch_size: int) -> Posterior:
    channels = vae.latent_shape[0]

    def encode(windows: Float32) -> Float32:
        said = vae.encode(windows, batch_size=batch_size)
        return said.mean if said.logvar is None else np.concatenate(said, axis=1)

    whole = np.concatenate(list(encoded(encode, picture, frame)), axis=1)[None]
    return Posterior(whole[:, :channels], whole[:, channels:] if whole.shape[1] > channels else None)
