"""A linear convolutional autoencoder as a model folder: latents are a map, and what any picture gives is known.

Encoder: the mean is one convolution that reaches one pixel beyond each cell of 4x4; the log-variance another. Decoder:
each latent as the 4x4 pixels of its cell, then a convolution of 3x3. Neither has a bias; beyond a border lies 0.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper

from tests.support.linear_gaussian import PAIR_ID, graph
from vae_runtime.maths.likelihood import SquaredError
from vae_runtime.maths.noise import standard_normal
from vae_runtime.model.folder import stamps
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.manifest import FORMAT_VERSION, Golden, Manifest
from vae_runtime.model.writing import describe, write_model
from vae_runtime.spec import ImageSpec, LatentSpec

CELL, REACH = 4, 1  # pixels
IMAGE, LATENT = (3, 32, 24), (2, 8, 6)

_RANDOM = np.random.default_rng(0)
MEAN, LOGVAR = _RANDOM.normal(size=(2, 2, 3, 6, 6)).astype(np.float32) / 6
DECODE = _RANDOM.normal(size=(3, 2, 3, 3)).astype(np.float32) / 6


def convolve(images: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """Beyond a border of one pixel lies 0: sums in one order, so that a window says what the whole says, to the bit."""
    side = kernel.shape[2]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = padded.shape[2] - side + 1, padded.shape[3] - side + 1
    out = np.zeros((len(images), len(kernel), -(-height // stride), -(-width // stride)), np.float32)
    for row, column, channel in itertools.product(range(side), range(side), range(kernel.shape[1])):
        part = padded[:, channel, row : row + height : stride, column : column + width : stride]
        out += kernel[None, :, channel, row, column, None, None] * part[:, None]
    return out


def encode(images: np.ndarray) -> np.ndarray:
    """The mean of images of any size in whole cells."""
    return convolve(images, MEAN, CELL)


def encode_logvar(images: np.ndarray) -> np.ndarray:
    """The log-variance of the same."""
    return convolve(images, LOGVAR, CELL)


def decode(z: np.ndarray) -> np.ndarray:
    """The mean image of latents of any size."""
    return convolve(z.repeat(CELL, axis=2).repeat(CELL, axis=3), DECODE)


def write(folder: Path, *, posterior: str = "diagonal_gaussian") -> Path:
    """Write it as a model folder, without a prior or a likelihood; posterior: or "none"."""
    deterministic = posterior == "none"
    outputs = {"mean": MEAN} if deterministic else {"mean": MEAN, "logvar": LOGVAR}
    pads = {"pads": [1, 1, 1, 1]}
    to_pixels = np.eye(2, dtype=np.float32).repeat(CELL * CELL, axis=0)[:, :, None, None]
    contents = {
        "encoder.onnx": graph(
            stamps("encoder", PAIR_ID, FORMAT_VERSION),
            [
                helper.make_node("Conv", ["images", f"to_{name}"], [name], strides=[CELL] * 2, **pads)
                for name in outputs
            ],
            {"images": IMAGE},
            dict.fromkeys(outputs, LATENT),
            {f"to_{name}": kernel for name, kernel in outputs.items()},
        ),
        "decoder.onnx": graph(
            stamps("decoder", PAIR_ID, FORMAT_VERSION),
            [
                helper.make_node("Conv", ["z", "copies"], ["cells"]),
                helper.make_node("DepthToSpace", ["cells"], ["pixels"], blocksize=CELL, mode="CRD"),
                helper.make_node("Conv", ["pixels", "kernel"], ["images"], **pads),
            ],
            {"z": LATENT},
            {"images": IMAGE},
            {"copies": to_pixels, "kernel": DECODE},
        ),
    }
    contents["golden.npz"] = _golden(deterministic).to_bytes()
    tensors = ("mean", "images", "nats") if deterministic else ("mean", "logvar", "images", "nats")
    manifest: dict[str, Any] = {
        "name": "linear-map",
        "license": "Apache-2.0",
        "created_by": "tests",
        "pair_id": PAIR_ID,
        "opset": 18,
        "min_onnxruntime": "1.15",
        "image": ImageSpec(shape=IMAGE, mode="RGB"),
        "latent": LatentSpec(shape=LATENT),
        "prior": "none",
        "posterior": posterior,
        "likelihood": SquaredError(),
        "graphs": {
            role: {"float32": describe(f"{role}.onnx", contents[f"{role}.onnx"])} for role in ("encoder", "decoder")
        },
        "golden": {
            "float32": Golden(
                file=describe("golden.npz", contents["golden.npz"]), tolerance=dict.fromkeys(tensors, 1e-4)
            )
        },
        "card": (),
        "training": {},
    }
    write_model(folder, Manifest(**manifest), contents)
    return folder


def _golden(deterministic: bool) -> GoldenVectors:
    images = np.random.default_rng(1).random((2, *IMAGE), np.float32)
    mean, logvar = encode(images), encode_logvar(images)
    eps = standard_normal(2, mean[0].size, seed=0).reshape(mean.shape)
    z = mean if deterministic else mean + np.exp(logvar / 2) * eps
    error = np.square(images.astype(np.float64) - decode(mean)).sum(axis=(1, 2, 3))
    return GoldenVectors(
        images=images,
        mean=mean,
        logvar=None if deterministic else logvar,
        eps=eps,
        z=z,
        prior_z=None,
        prior_log_prob=None,
        decoded=decode(z),
        log_likelihood=None,
        kl=None,
        iwae=None,
        scores={"reconstruction": error},
        draws=np.array(1, np.int64),
    )
