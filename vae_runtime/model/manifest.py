"""manifest.json: the truth about a model. A closed set of keys, read strictly, written deterministically.

docs/FORMAT.md is the normative description; this module is the only reader and writer of it in this project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from ..errors import InputError, ManifestError
from ..spec import ImageSpec

FORMAT, FORMAT_VERSION = "vae-onnx", 1
FILE_NAME = "manifest.json"
ROLES = ("encoder", "decoder")
PRECISIONS = ("float32",)
PRIORS = ("standard_normal",)
POSTERIORS = ("diagonal_gaussian",)
LIKELIHOODS = ("bernoulli", "gaussian")
GOLDEN_TENSORS = ("mean", "logvar", "images", "nats")
_LIMIT_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file of the folder: its plain name, size and sha256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """p(x|z): "bernoulli" (mean = probability), or "gaussian" with one standard deviation `sigma` for all pixels."""

    family: str
    sigma: float | None = None


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs and expected outputs, and by how much each tensor may differ on another machine."""

    file: ModelFile
    tolerance: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The whole probabilistic model and the files it is made of. Fields as in docs/FORMAT.md."""

    name: str
    license: str
    created_by: str
    pair_id: str
    opset: int
    min_onnxruntime: str
    image: ImageSpec
    latent_size: int
    prior: str
    posterior: str
    likelihood: Likelihood
    graphs: Mapping[str, Mapping[str, ModelFile]]  # role -> precision -> file
    golden: Golden
    card: tuple[ModelFile, ...]
    training: Mapping[str, Any]

    def to_json(self) -> str:
        """The manifest as indented JSON; `parse` reads it back to an equal object."""
        likelihood = {name: value for name, value in asdict(self.likelihood).items() if value is not None}
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "license": self.license,
            "created_by": self.created_by,
            "pair_id": self.pair_id,
            "opset": self.opset,
            "min_onnxruntime": self.min_onnxruntime,
            "image": asdict(self.image),
            "latent": {"size": self.latent_size},
            "prior": {"family": self.prior},
            "posterior": {"family": self.posterior},
            "likelihood": likelihood,
            "graphs": {
                role: {precision: asdict(file) for precision, file in graph.items()}
                for role, graph in self.graphs.items()
            },
            "golden": {**asdict(self.golden.file), "tolerance": dict(self.golden.tolerance)},
            "card": [asdict(file) for file in self.card],
            "training": dict(self.training),
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Every file that the manifest names."""
        graphs = (file for graph in self.graphs.values() for file in graph.values())
        return (*graphs, self.golden.file, *self.card)


def read(folder: Path) -> Manifest:
    """Read and check the manifest of a model folder."""
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; a model is a folder with a {FILE_NAME}.")
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ManifestError(f"{path} has {path.stat().st_size} bytes; expected at most {_LIMIT_BYTES}.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError(f"{folder} has no {FILE_NAME}; is it a model folder, and copied whole?") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text; copy or download the model again.") from None
    return parse(text, str(path))


def parse(text: str, where: str = FILE_NAME) -> Manifest:
    """Check every key, type and value of a manifest's text; anything unknown is a ManifestError."""
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except ValueError as error:
        raise ManifestError(f"{where} is not valid JSON ({error}); copy or download the model again.") from None
    except RecursionError:
        raise ManifestError(f"{where} is nested too deeply to be a manifest.") from None
    return _parse(_Reader(content, where))


class _Reader:
    """A JSON object being read: hands out checked values and, at the end, complains of keys nobody asked for."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise ManifestError(f"{where} is {_shown(content)}; expected a JSON object.")
        self._content, self._where, self._left = content, where, set(content)

    def __iter__(self) -> Any:
        return iter(self._content)

    def get(self, key: str, *types: type) -> Any:
        if key not in self._content:
            raise ManifestError(f"{self._where} lacks the key {key!r}.")
        self._left.discard(key)
        found = self._content[key]
        if type(found) not in types:  # not isinstance: true is no integer here
            names = " or ".join(kind.__name__ for kind in types)
            self.refuse(key, found, f"a value of type {names}")
        return found

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        found: str = self.get(key, str)
        if found not in known:
            newer = "; a newer vae-runtime may know it (pip install -U vae-runtime)"
            self.refuse(key, found, f"one of {', '.join(known)}{newer}")
        return found

    def size(self, key: str, minimum: int = 1) -> int:
        found: int = self.get(key, int)
        if not minimum <= found < 2**31:
            self.refuse(key, found, f"a whole number from {minimum} to 2^31 - 1")
        return found

    def positive(self, key: str) -> float:
        found = float(self.get(key, float, int))
        if not found > 0:
            self.refuse(key, found, "a positive number")
        return found

    def matching(self, key: str, pattern: str, meaning: str) -> str:
        found: str = self.get(key, str)
        if not re.fullmatch(pattern, found):
            self.refuse(key, found, meaning)
        return found

    def object(self, key: str) -> _Reader:
        return _Reader(self.get(key, dict), f"{self._where}: {key}")

    def refuse(self, key: str, found: Any, expected: str) -> NoReturn:
        raise ManifestError(f"{self._where}: {key} is {_shown(found)}; expected {expected}.")

    def end(self) -> None:
        if self._left:
            raise ManifestError(f"{self._where} has the unknown key {sorted(self._left)[0]!r}.")


def _parse(top: _Reader) -> Manifest:
    top.choice("format", (FORMAT,))
    version = top.size("format_version")
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"the model has format version {version}; this vae-runtime reads {FORMAT_VERSION}. "
            "Try: pip install -U vae-runtime."
        )
    latent, prior, posterior = top.object("latent"), top.object("prior"), top.object("posterior")
    training = top.get("training", dict)
    manifest = Manifest(
        name=top.matching("name", r"[\w.-]{1,100}", "letters, digits, '.', '-' and '_'"),
        license=top.get("license", str),
        created_by=top.get("created_by", str),
        pair_id=top.matching("pair_id", r"[0-9a-f]{16}", "16 hexadecimal digits"),
        opset=top.size("opset"),
        min_onnxruntime=top.matching("min_onnxruntime", r"\d+\.\d+", "a version such as '1.15'"),
        image=_image(top.object("image")),
        latent_size=latent.size("size"),
        prior=prior.choice("family", PRIORS),
        posterior=posterior.choice("family", POSTERIORS),
        likelihood=_likelihood(top.object("likelihood")),
        graphs=_graphs(top.object("graphs")),
        golden=_golden(top.object("golden")),
        card=tuple(_file(_Reader(entry, "card")) for entry in top.get("card", list)),
        training=MappingProxyType(training),
    )
    for reader in (latent, prior, posterior, top):
        reader.end()
    names = [file.file for file in manifest.files]
    if len(set(names)) != len(names):
        raise ManifestError("the manifest names one file twice.")
    return manifest


def _image(reader: _Reader) -> ImageSpec:
    try:
        spec = ImageSpec(
            shape=tuple(reader.get("shape", list)),
            mode=reader.get("mode", str),
            fit=reader.get("fit", str),
            resample=reader.get("resample", str),
            invert=reader.get("invert", bool),
        )
    except InputError as error:
        raise ManifestError(f"the manifest's {error}") from None
    reader.end()
    return spec


def _likelihood(reader: _Reader) -> Likelihood:
    family = reader.choice("family", LIKELIHOODS)
    likelihood = Likelihood(family=family, sigma=reader.positive("sigma") if family == "gaussian" else None)
    reader.end()
    return likelihood


def _graphs(reader: _Reader) -> Mapping[str, Mapping[str, ModelFile]]:
    graphs = {}
    for role in ROLES:
        graph = reader.object(role)
        if "float32" not in graph:
            raise ManifestError(f"the manifest has no float32 {role}.")
        precisions = [precision for precision in PRECISIONS if precision in graph]
        graphs[role] = MappingProxyType({precision: _file(graph.object(precision)) for precision in precisions})
        graph.end()
    reader.end()
    return MappingProxyType(graphs)


def _golden(reader: _Reader) -> Golden:
    tolerances = reader.object("tolerance")
    tolerance = {name: tolerances.positive(name) for name in GOLDEN_TENSORS}
    tolerances.end()
    return Golden(file=_file(reader), tolerance=MappingProxyType(tolerance))


def _file(reader: _Reader) -> ModelFile:
    # One plain name inside the folder: no separator, no drive, no leading dot, so no way out of it.
    file = ModelFile(
        file=reader.matching("file", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", "a plain file name inside the folder"),
        bytes=reader.size("bytes", minimum=0),
        sha256=reader.matching("sha256", r"[0-9a-f]{64}", "64 hexadecimal digits"),
    )
    reader.end()
    return file


def _shown(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same key twice")
    return content


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
