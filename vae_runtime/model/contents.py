"""What a manifest says: the whole probabilistic model, and the files that it is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..maths.likelihood import Likelihood, written
from ..spec import ImageSpec, LatentSpec
from .lacking import NONE
from .scores import SCORES

FORMAT, FORMAT_VERSION = "vae-onnx", 2


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file of the folder: its plain name, size and sha256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs and expected outputs, and by how much each tensor may differ on another machine."""

    file: ModelFile
    tolerance: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Label:
    """A class of images that can be asked for: its name and its diagonal Gaussian in the prior's noise."""

    name: str
    mean: tuple[float, ...]
    logvar: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Manifest:
    """The whole probabilistic model and the files it is made of. Fields as in docs/FORMAT.md."""

    name: str
    license: str
    created_by: str
    pair_id: str
    opset: int
    min_onnxruntime: str
    image: ImageSpec
    latent: LatentSpec
    prior: str
    posterior: str
    likelihood: Likelihood
    graphs: Mapping[str, Mapping[str, ModelFile]]  # role -> precision -> file
    golden: Mapping[str, Golden]  # precision -> golden vectors
    card: tuple[ModelFile, ...]
    training: Mapping[str, Any]
    labels: tuple[Label, ...] = ()
    calibration: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # method -> sorted scores, nats
    format_version: int = FORMAT_VERSION
    digest: str = field(default="", compare=False)  # sha256 of the file it was read from; not written

    def to_json(self) -> str:
        """The manifest as indented JSON; `parse` reads it back to an equal object."""
        content = {
            "format": FORMAT,
            "format_version": self.format_version,
            "name": self.name,
            "license": self.license,
            "created_by": self.created_by,
            "pair_id": self.pair_id,
            "opset": self.opset,
            "min_onnxruntime": self.min_onnxruntime,
            "image": asdict(self.image),
            "latent": _latent(self.latent, self.format_version),
            "prior": {"family": self.prior, **({"labels": list(map(asdict, self.labels))} if self.labels else {})},
            "posterior": {"family": self.posterior},
            "likelihood": written(self.likelihood),
            "graphs": {
                role: {precision: asdict(file) for precision, file in graph.items()}
                for role, graph in self.graphs.items()
            },
            "golden": {
                precision: {**asdict(golden.file), "tolerance": dict(golden.tolerance)}
                for precision, golden in self.golden.items()
            },
            **({"calibration": dict(self.calibration)} if self.calibration else {}),
            "card": [asdict(file) for file in self.card],
            "training": dict(self.training),
        }
        return "{\n" + ",\n".join(f'  "{key}": {_indented(key, value)}' for key, value in content.items()) + "\n}\n"

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Every file that the manifest names."""
        graphs = (file for graph in self.graphs.values() for file in graph.values())
        return (*graphs, *(golden.file for golden in self.golden.values()), *self.card)

    @property
    def latent_size(self) -> int:
        """How many numbers a latent has."""
        return self.latent.size

    @property
    def has_posterior(self) -> bool:
        """Whether q(z|x) is a distribution, which can be drawn from; else the encoder is deterministic."""
        return self.posterior != NONE

    @property
    def has_prior(self) -> bool:
        """Whether there is a p(z), which can be sampled."""
        return self.prior != NONE

    @property
    def has_elbo(self) -> bool:
        """Whether there are all three densities that an ELBO is made of."""
        return self.has_posterior and self.has_prior and self.likelihood.family != NONE

    @property
    def usual_score(self) -> str:
        """The method of `VAE.score` where nobody asks for another."""
        return "elbo" if self.has_elbo else "reconstruction"

    @property
    def scores(self) -> tuple[str, ...]:
        """The methods of `VAE.score` that the model has."""
        return tuple(name for name, score in SCORES.items() if score.is_of(self))

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the model can be opened in."""
        return tuple(self.golden)

    def __repr__(self) -> str:
        shape, graphs = "x".join(map(str, self.image.shape)), ", ".join(self.graphs)
        families = f"{self.prior} prior, {self.likelihood.family}"
        latent = "x".join(map(str, self.latent.shape))
        return f"<Manifest {self.name!r}: images {shape}, latent {latent}, {families}; {graphs}>"


def _latent(spec: LatentSpec, version: int) -> dict[str, Any]:
    """As a manifest of a version has it: scale and shift only where they are any."""
    if version == 1:
        return {"size": spec.size}
    scaling = {"scale": (spec.scale, 1.0), "shift": (spec.shift, 0.0)}
    return {"shape": list(spec.shape), **{key: number for key, (number, none) in scaling.items() if number != none}}


def _indented(key: str, value: Any) -> str:
    """A value of the outermost object, a key or number a line; the thousands of scores of a calibration on one."""
    if key != "calibration":
        return json.dumps(value, indent=2, allow_nan=False).replace("\n", "\n  ")
    lines = (f'    "{name}": {json.dumps(scores, allow_nan=False)}' for name, scores in value.items())
    return "{\n" + ",\n".join(lines) + "\n  }"
