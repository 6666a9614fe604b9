"""An autoencoder with spatial latents, small enough to compute by hand, of any families that the format knows.

A latent is a linear map of the colours of each 2x2 square of an image, and an image copies a linear map of each place
of its latent to the four pixels there. Everything golden is computed here with numpy in double precision, by formulas
of docs/FORMAT.md and by nothing of the package but the noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from onnx import NodeProto, helper

from tests.support.linear_gaussian import graph
from vae_runtime.maths.likelihood import Bernoulli, Gaussian, Likelihood, SquaredError
from vae_runtime.maths.noise import standard_normal
from vae_runtime.model.folder import stamps
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.manifest import FORMAT_VERSION, Golden, Manifest, golden_tensors
from vae_runtime.model.writing import describe, write_model
from vae_runtime.spec import ImageSpec, LatentSpec

IMAGE, LATENT = (3, 8, 8), (2, 4, 4)
SIZE = 32  # numbers of a latent
LOGVAR = (-2.0, -1.0)  # of each channel of a latent
SCALE, SHIFT = 2.0, 0.5  # of the flow: z = SCALE eps + SHIFT
SIGMAS = (0.1, 0.2, 0.4)
PAIR_ID = "fedcba9876543210"
DRAWS = 2


class Families(NamedTuple):
    """Which of the format's families a model is of."""

    prior: str = "standard_normal"  # or "flow", "none"
    posterior: str = "diagonal_gaussian"  # or "none"
    likelihood: Likelihood = Gaussian(SIGMAS)

    @property
    def has_elbo(self) -> bool:
        return "none" not in (self.prior, self.posterior, self.likelihood.family)


class Spatial:
    """The model; weights are the same for all."""

    def __init__(self, families: Families | None = None) -> None:
        self.families = families or Families()
        random = np.random.default_rng(7)
        self.encode_weights = random.normal(size=(2, 3))
        self.decode_weights = 0.2 * random.normal(size=(3, 2))
        self.offset = 0.5 if self.families.likelihood.family != "bernoulli" else 0.0

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Images float32 [n, 3, 8, 8] in [0, 1]."""
        return np.random.default_rng(seed).random((n, *IMAGE)).astype(np.float32)

    def mean(self, images: np.ndarray) -> np.ndarray:
        squares = images.astype(float).reshape(-1, 3, 4, 2, 4, 2).mean(axis=(3, 5))
        return np.einsum("kc,bcij->bkij", self.encode_weights, squares - 0.5)

    def logvar(self, n: int) -> np.ndarray:
        return np.broadcast_to(np.array(LOGVAR)[:, None, None], (n, *LATENT))

    def logits(self, z: np.ndarray) -> np.ndarray:
        """What the decoder's last layer gives; of other likelihoods than Bernoulli's the images."""
        places = np.einsum("ck,bkij->bcij", self.decode_weights, z.astype(float)) + self.offset
        return places.repeat(2, axis=2).repeat(2, axis=3)

    def images(self, z: np.ndarray) -> np.ndarray:
        logits = self.logits(z)
        return 1 / (1 + np.exp(-logits)) if self.families.likelihood.family == "bernoulli" else logits

    def log_likelihood(self, images: np.ndarray, z: np.ndarray) -> np.ndarray:
        x, likelihood = images.astype(float), self.families.likelihood
        if isinstance(likelihood, Bernoulli):
            p = self.images(z)
            terms = x * np.log(p) + (1 - x) * np.log(1 - p)
        elif isinstance(likelihood, Gaussian):
            sigma = np.broadcast_to(np.asarray(likelihood.sigma).reshape(-1, 1, 1), IMAGE)
            terms = -0.5 * ((x - self.images(z)) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
        else:
            terms = -np.square(x - self.images(z))
        return terms.sum(axis=(1, 2, 3))

    def log_prior(self, z: np.ndarray) -> np.ndarray:
        eps, log_det = z.astype(float), 0.0
        if self.families.prior == "flow":
            eps, log_det = (z.astype(float) - SHIFT) / SCALE, SIZE * np.log(SCALE)
        return -0.5 * np.square(eps).sum(axis=(1, 2, 3)) - 0.5 * SIZE * np.log(2 * np.pi) - log_det

    def log_posterior(self, z: np.ndarray, images: np.ndarray) -> np.ndarray:
        variance = np.exp(self.logvar(len(images)))
        squares = np.square(z - self.mean(images)) / variance + np.log(2 * np.pi * variance)
        return -0.5 * squares.sum(axis=(1, 2, 3))

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Those that its families have."""
        at, has = self.mean(images), self.families
        scores = {"reconstruction": -self.log_likelihood(images, at)}
        if has.prior != "none" and has.posterior != "none":
            scores["kl"] = self.log_posterior(at, images) - self.log_prior(at)
        if has.has_elbo:
            scores["elbo"] = scores["reconstruction"] + scores["kl"]
        return scores

    def draws(self, images: np.ndarray, draw: int) -> np.ndarray:
        """Draw number `draw` of each image, with noise of seed 0."""
        n = len(images)
        eps = standard_normal(n, SIZE, seed=0, start=draw * 2**32).reshape(n, *LATENT)
        return self.mean(images) + np.exp(self.logvar(n) / 2) * eps

    def golden(self) -> GoldenVectors:
        """Two images, two draws each."""
        images, has = self.draw(2, seed=3), self.families
        eps = standard_normal(2, SIZE, seed=0).reshape(2, *LATENT)
        z = (self.draws(images, 0) if has.posterior != "none" else self.mean(images)).astype(np.float32)
        arrays: dict = dict.fromkeys(GoldenVectors._fields)
        arrays.update(images=images, mean=self.mean(images).astype(np.float32), eps=eps, z=z, draws=np.array(DRAWS))
        arrays.update(decoded=self.images(z).astype(np.float32), scores=self.scores(images))
        if has.posterior != "none":
            arrays["logvar"] = self.logvar(2).astype(np.float32)
        if has.prior != "none":
            arrays["prior_z"] = eps * np.float32(SCALE) + np.float32(SHIFT) if has.prior == "flow" else eps
            arrays["prior_log_prob"] = self.log_prior(z)
        if has.likelihood.family == "bernoulli":
            arrays["logits"] = self.logits(z).astype(np.float32)
        if has.has_elbo:
            every = [self.draws(images, draw) for draw in range(DRAWS)]
            likelihoods = np.stack([self.log_likelihood(images, each) for each in every], axis=1)
            ratios = np.stack([self.log_prior(each) - self.log_posterior(each, images) for each in every], axis=1)
            arrays["log_likelihood"] = likelihoods.mean(axis=1)
            arrays["kl"] = -ratios.mean(axis=1) if has.prior == "flow" else self.exact_kl(images)
            arrays["iwae"] = np.log(np.exp(likelihoods + ratios).mean(axis=1))
        return GoldenVectors(**arrays)

    def exact_kl(self, images: np.ndarray) -> np.ndarray:
        """From N(mean, exp(logvar)) to N(0, 1)."""
        mean, logvar = self.mean(images), self.logvar(len(images))
        return 0.5 * (np.square(mean) + np.exp(logvar) - 1 - logvar).sum(axis=(1, 2, 3))

    def write(self, folder: Path, **changes: object) -> Path:
        """Write it as a model folder; `changes` replace fields of the manifest."""
        has = self.families
        contents = {f"{role}.onnx": content for role, content in self._graphs().items()}
        graphs = {name.removesuffix(".onnx"): {"float32": describe(name, each)} for name, each in contents.items()}
        contents["golden.npz"] = self.golden().to_bytes()
        tensors = golden_tensors(prior=has.prior, posterior=has.posterior, decoded=has.likelihood.decoded)
        entry = Golden(
            file=describe("golden.npz", contents["golden.npz"]),
            tolerance={**dict.fromkeys(tensors, 1e-4), "nats": 0.01},
        )
        fields: dict = {
            "name": "spatial",
            "license": "Apache-2.0",
            "created_by": "tests",
            "pair_id": PAIR_ID,
            "opset": 18,
            "min_onnxruntime": "1.15",
            "image": ImageSpec(shape=IMAGE, mode="RGB"),
            "latent": LatentSpec(shape=LATENT),
            "prior": has.prior,
            "posterior": has.posterior,
            "likelihood": has.likelihood,
            "graphs": graphs,
            "golden": {"float32": entry},
            "card": (),
            "training": {},
        }
        write_model(folder, Manifest(**{**fields, **changes}), contents)
        return folder

    def _graphs(self) -> dict[str, bytes]:
        graphs = {"encoder": self._encoder(), "decoder": self._decoder()}
        if self.families.prior == "flow":
            graphs |= {"prior_sample": _prior_sample(), "prior_log_prob": _prior_log_prob()}
        return graphs

    def _encoder(self) -> bytes:
        kernels = np.broadcast_to(self.encode_weights[:, :, None, None] / 4, (2, 3, 2, 2))
        weights = {"w": _float(kernels), "b": _float(-0.5 * self.encode_weights.sum(axis=1))}
        nodes, outputs = [_node("Conv", "images w b", "mean", strides=[2, 2])], {"mean": LATENT}
        if self.families.posterior != "none":
            weights |= {"none": np.zeros((2, 3, 2, 2), "f4"), "logvars": _float(LOGVAR)}
            nodes.append(_node("Conv", "images none logvars", "logvar", strides=[2, 2]))
            outputs["logvar"] = LATENT
        return _stamped("encoder", nodes, {"images": IMAGE}, outputs, weights)

    def _decoder(self) -> bytes:
        kernels = self.decode_weights.repeat(4, axis=0)[:, :, None, None]  # a channel's four pixels lie side by side
        weights = {"w": _float(kernels), "b": np.full(12, self.offset, "f4")}
        bernoulli = self.families.likelihood.family == "bernoulli"
        last, outputs = ("logits", {"logits": IMAGE, "images": IMAGE}) if bernoulli else ("images", {"images": IMAGE})
        nodes = [_node("Conv", "z w b", "places"), _node("DepthToSpace", "places", last, blocksize=2, mode="CRD")]
        if bernoulli:
            nodes.append(_node("Sigmoid", "logits", "images"))
        return _stamped("decoder", nodes, {"z": LATENT}, outputs, weights)


def _prior_sample() -> bytes:
    nodes = [_node("Mul", "eps scale", "scaled"), _node("Add", "scaled shift", "z")]
    return _stamped("prior_sample", nodes, {"eps": LATENT}, {"z": LATENT}, _numbers(scale=SCALE, shift=SHIFT))


def _prior_log_prob() -> bytes:
    constant = -0.5 * SIZE * np.log(2 * np.pi) - SIZE * np.log(SCALE)
    nodes = [
        _node("Sub", "z shift", "moved"),
        _node("Mul", "moved inverse", "eps"),
        _node("Mul", "eps eps", "squares"),
        _node("Reshape", "squares flat", "row"),
        _node("Gemm", "row halves constant", "sum"),
        _node("Reshape", "sum scalar", "log_prob"),
    ]
    weights = {
        **_numbers(shift=SHIFT, inverse=1 / SCALE),
        "flat": np.array([-1, SIZE]),
        "halves": np.full((SIZE, 1), -0.5, "f4"),
        "constant": _float([constant]),
        "scalar": np.array([-1]),
    }
    return _stamped("prior_log_prob", nodes, {"z": LATENT}, {"eps": LATENT, "log_prob": ()}, weights)


def _stamped(role: str, nodes: list[NodeProto], inputs: dict, outputs: dict, weights: dict) -> bytes:
    return graph(stamps(role, PAIR_ID, FORMAT_VERSION), nodes, inputs, outputs, weights)


def _node(operator: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def _float(numbers: object) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(numbers, np.float32))


def _numbers(**numbers: float) -> dict[str, np.ndarray]:
    return {name: _float([number]) for name, number in numbers.items()}


# Every combination that differs in what it can do.
ALL = {
    "gaussian": Families(),
    "bernoulli": Families(likelihood=Bernoulli()),
    "flow": Families(prior="flow"),
    "no prior": Families(prior="none"),
    "no posterior": Families(posterior="none"),
    "no likelihood": Families(likelihood=SquaredError()),
    "nothing": Families("none", "none", SquaredError()),
    "no posterior, flow": Families("flow", "none", Bernoulli()),
}
