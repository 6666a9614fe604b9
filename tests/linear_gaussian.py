"""Probabilistic PCA as a model folder: a VAE whose evidence log p(x) is known exactly.

Tipping and Bishop 1999: z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I), so x ~ N(b, W W^T + sigma^2 I) and
z | x ~ N(M^-1 W^T (x - b), sigma^2 M^-1) with M = W^T W + sigma^2 I. W has orthogonal columns here, so M is diagonal
and the true posterior is one that an encoder can say.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vae_runtime.model.folder import stamps
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.manifest import Golden, Likelihood, Manifest
from vae_runtime.model.writing import describe, write_model
from vae_runtime.spec import ImageSpec

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

    def write(self, folder: Path, **changes: object) -> Path:
        """Write it as a model folder; `changes` replace fields of the manifest."""
        encode = self.weights / self.precision
        graphs = {
            "encoder": _graph(
                "encoder",
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
            "decoder": _graph(
                "decoder",
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
        contents["golden.npz"] = _golden().to_bytes()
        fields: dict = {
            "name": "ppca",
            "license": "Apache-2.0",
            "created_by": "tests",
            "pair_id": PAIR_ID,
            "opset": 18,
            "min_onnxruntime": "1.15",
            "image": ImageSpec(shape=SHAPE),
            "latent_size": LATENTS,
            "prior": "standard_normal",
            "posterior": "diagonal_gaussian",
            "likelihood": Likelihood(family="gaussian", sigma=SIGMA),
            "graphs": {role: {"float32": describe(f"{role}.onnx", graph)} for role, graph in graphs.items()},
            "golden": {
                "float32": Golden(
                    file=describe("golden.npz", contents["golden.npz"]),
                    tolerance=dict.fromkeys(("mean", "logvar", "z", "images", "nats"), 1e-4),
                )
            },
            "card": (),
            "training": {},
        }
        write_model(folder, Manifest(**{**fields, **changes}), contents)
        return folder


def _graph(role: str, nodes: list, inputs: dict, outputs: dict, weights: dict) -> bytes:
    def values(tensors: dict) -> list:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]) for name, shape in tensors.items()
        ]

    graph = helper.make_graph(
        nodes, role, values(inputs), values(outputs), [numpy_helper.from_array(w, name) for name, w in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, stamps(role, PAIR_ID))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _golden() -> GoldenVectors:
    """Empty vectors: these tests know the answers without them."""
    images, latents, nats = np.empty((0, *SHAPE), "f4"), np.empty((0, LATENTS), "f4"), np.empty(0)
    return GoldenVectors(
        images, latents, latents, latents, latents, latents, nats, images, nats, nats, nats, nats, np.array(1, np.int64)
    )
