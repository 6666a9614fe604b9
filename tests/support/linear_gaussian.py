"""Probabilistic PCA as a model folder: a VAE whose evidence log p(x) is known exactly.

Tipping and Bishop 1999: z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I), so x ~ N(b, W W^T + sigma^2 I) and
z | x ~ N(M^-1 W^T (x - b), sigma^2 M^-1) with M = W^T W + sigma^2 I. W has orthogonal columns here, so M is diagonal
and the true posterior is one that an encoder can say.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vae_runtime.maths.likelihood import Gaussian
from vae_runtime.maths.noise import standard_normal
from vae_runtime.model.folder import stamps
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.manifest import FORMAT_VERSION, Golden, Manifest
from vae_runtime.model.writing import describe, write_model
from vae_runtime.spec import ImageSpec, LatentSpec

SHAPE, PIXELS, LATENTS = (1, 2, 3), 6, 2
SIGMA = 0.2
PAIR_ID = "0123456789abcdef"


class LinearGaussian(NamedTuple):
    """W [pixels, latents], b [pixels], and by how much the encoder's log-variance is off the true posterior's."""

    weights: np.ndarray
    offset: np.ndarray
    logvar_error: float

    @classmethod
    def make(cls, *, logvar_error: float = 0.0) -> LinearGaussian:
        orthogonal, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(PIXELS, LATENTS)))
        return cls(orthogonal * [0.3, 0.15], np.full(PIXELS, 0.5), logvar_error)

    @property
    def precision(self) -> np.ndarray:
        """The diagonal of M."""
        return np.diag(self.weights.T @ self.weights) + SIGMA**2

    def posterior_mean(self, images: np.ndarray) -> np.ndarray:
        return (images.reshape(-1, PIXELS) - self.offset) @ self.weights / self.precision

    @property
    def posterior_logvar(self) -> np.ndarray:
        """Of the true posterior."""
        return np.log(SIGMA**2 / self.precision)

    def log_evidence(self, images: np.ndarray) -> np.ndarray:
        """log p(x), exact, by the dense covariance: independent of every formula in the package."""
        covariance = self.weights @ self.weights.T + SIGMA**2 * np.eye(PIXELS)
        centred = images.reshape(-1, PIXELS).astype(np.float64) - self.offset
        mahalanobis = np.einsum("bi,ij,bj->b", centred, np.linalg.inv(covariance), centred)
        return -0.5 * (mahalanobis + np.linalg.slogdet(covariance)[1] + PIXELS * np.log(2 * np.pi))

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Images of the model, float32 [n, 1, 2, 3], kept inside [0, 1]."""
        random = np.random.default_rng(seed)
        z, noise = random.normal(size=(n, LATENTS)), random.normal(size=(n, PIXELS))
        return np.clip(z @ self.weights.T + self.offset + SIGMA * noise, 0, 1).astype(np.float32).reshape(n, *SHAPE)

    def golden(self) -> GoldenVectors:
        """Golden vectors of two images and one draw, by the formulas."""
        images = self.draw(2, 3)
        mean, eps = self.posterior_mean(images).astype(np.float32), standard_normal(2, LATENTS, seed=0)
        logvar = np.tile(self.posterior_logvar + self.logvar_error, (2, 1)).astype(np.float32)
        z = mean + np.exp(logvar / 2) * eps
        kl = 0.5 * (np.square(mean) + np.exp(logvar) - 1 - logvar).sum(axis=1, dtype=np.float64)
        at_z, at_mean = (self._log_ratio(images, point, mean, logvar) for point in (z, mean))
        return GoldenVectors(
            images=images,
            mean=mean,
            logvar=logvar,
            eps=eps,
            z=z,
            prior_z=eps,
            prior_log_prob=_log_normal(z, 0.0, np.zeros(LATENTS)),
            decoded=self._decoded(z),
            log_likelihood=self._log_likelihood(images, z),
            kl=kl,
            iwae=at_z,
            scores={
                "elbo": -at_mean,
                "reconstruction": -self._log_likelihood(images, mean),
                "kl": self._log_likelihood(images, mean) - at_mean,
            },
            draws=np.array(1, np.int64),
        )

    def _decoded(self, z: np.ndarray) -> np.ndarray:
        return (z @ self.weights.T + self.offset).astype(np.float32).reshape(-1, *SHAPE)

    def _log_likelihood(self, images: np.ndarray, z: np.ndarray) -> np.ndarray:
        decoded = self._decoded(z).reshape(-1, PIXELS)
        return _log_normal(images.reshape(-1, PIXELS), decoded, np.full(PIXELS, 2 * np.log(SIGMA)))

    def _log_ratio(self, images: np.ndarray, z: np.ndarray, mean: np.ndarray, logvar: np.ndarray) -> np.ndarray:
        """The log importance weight of z."""
        prior = _log_normal(z, 0.0, np.zeros(LATENTS))
        return self._log_likelihood(images, z) + prior - _log_normal(z, mean, logvar)

    def write(self, folder: Path, *, version: int = FORMAT_VERSION, **changes: object) -> Path:
        """Write it as a model folder of a format version; `changes` replace fields of the manifest."""
        encode = self.weights / self.precision
        graphs = {
            "encoder": graph(
                stamps("encoder", PAIR_ID, version),
                [
                    helper.make_node("Reshape", ["images", "flat"], ["x"]),
                    helper.make_node("Gemm", ["x", "encode", "encode_bias"], ["mean"]),
                    helper.make_node("Gemm", ["x", "zeros", "logvar_bias"], ["logvar"]),
                ],
                {"images": SHAPE},
                {"mean": (LATENTS,), "logvar": (LATENTS,)},
                {
                    "flat": np.array([-1, PIXELS]),
                    "encode": encode.astype(np.float32),
                    "encode_bias": (-self.offset @ encode).astype(np.float32),
                    "zeros": np.zeros((PIXELS, LATENTS), np.float32),
                    "logvar_bias": (self.posterior_logvar + self.logvar_error).astype(np.float32),
                },
            ),
            "decoder": graph(
                stamps("decoder", PAIR_ID, version),
                [
                    helper.make_node("Gemm", ["z", "decode", "decode_bias"], ["x"]),
                    helper.make_node("Reshape", ["x", "shape"], ["images"]),
                ],
                {"z": (LATENTS,)},
                {"images": SHAPE},
                {
                    "decode": self.weights.T.astype(np.float32),
                    "decode_bias": self.offset.astype(np.float32),
                    "shape": np.array([-1, *SHAPE]),
                },
            ),
        }
        contents = {f"{role}.onnx": graph for role, graph in graphs.items()}
        contents["golden.npz"] = self.golden().to_bytes() if version > 1 else in_version_1(self.golden())
        fields: dict = {
            "name": "ppca",
            "license": "Apache-2.0",
            "created_by": "tests",
            "pair_id": PAIR_ID,
            "opset": 18,
            "min_onnxruntime": "1.15",
            "image": ImageSpec(shape=SHAPE),
            "latent": LatentSpec(shape=(LATENTS,)),
            "prior": "standard_normal",
            "posterior": "diagonal_gaussian",
            "likelihood": Gaussian(sigma=SIGMA),
            "graphs": {role: {"float32": describe(f"{role}.onnx", graph)} for role, graph in graphs.items()},
            "golden": {
                "float32": Golden(
                    file=describe("golden.npz", contents["golden.npz"]),
                    tolerance=dict.fromkeys(("mean", "logvar", "z", "images", "nats"), 1e-4),
                )
            },
            "card": (),
            "training": {},
            "format_version": version,
        }
        write_model(folder, Manifest(**{**fields, **changes}), contents)
        return folder


def _log_normal(x: np.ndarray, mean: np.ndarray | float, logvar: np.ndarray) -> np.ndarray:
    """Of each row, in double precision."""
    squares = np.square(x.astype(np.float64) - mean) * np.exp(-logvar.astype(np.float64))
    return -0.5 * (squares + logvar + np.log(2 * np.pi)).sum(axis=1)


def in_version_1(golden: GoldenVectors) -> bytes:
    """Golden vectors as format version 1 has them: of all scores the elbo's alone, as `score`."""
    arrays = {name: array for name, array in golden.arrays.items() if not name.startswith("score_")}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, score=golden.scores["elbo"])
    return buffer.getvalue()


def graph(metadata: dict, nodes: list, inputs: dict, outputs: dict, weights: dict) -> bytes:
    def values(tensors: dict) -> list:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]) for name, shape in tensors.items()
        ]

    graph = helper.make_graph(
        nodes,
        "graph",
        values(inputs),
        values(outputs),
        [numpy_helper.from_array(w, name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
