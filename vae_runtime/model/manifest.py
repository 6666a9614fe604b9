"""manifest.json: the truth about a model. A closed set of keys, read strictly, written deterministically.

docs/FORMAT.md is the normative description; this module is the only reader and writer of it in this project.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import files
from ..errors import InputError, IntegrityError, ManifestError
from ..maths.likelihood import Likelihood, read_likelihood, written
from ..spec import ImageSpec
from .limits import FILE_BYTES, FILES_BYTES, GOLDEN_BYTES
from .strict_json import Reader, read_object

FORMAT, FORMAT_VERSION = "vae-onnx", 2
READABLE = (1, 2)
FILE_NAME = "manifest.json"
PRECISIONS = ("float32", "int8")
ROLES = {  # of each prior family
    "standard_normal": ("encoder", "decoder"),
    "flow": ("encoder", "decoder", "prior_sample", "prior_log_prob"),
}
DETECTOR = "detector"  # a role that any model may have
POSTERIORS = ("diagonal_gaussian",)
SCORES = ("elbo", "reconstruction", "kl", "complexity", "faults")  # methods of `VAE.score`
TILED = tuple(f"{method}_tiled" for method in SCORES)  # the highest score of a picture's windows
SCORE_NAME = r"[a-z][a-z0-9_]{0,30}"  # of a score, known to this reader or not
CALIBRATION_LIMIT = 10_000  # scores of a method
GOLDEN_TENSORS = ("mean", "logvar", "z", "images")  # then what else the decoder gives, and nats
LIMIT_BYTES = 2**20


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
    latent_size: int
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
            "latent": {"size": self.latent_size},
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
    def scores(self) -> tuple[str, ...]:
        """The methods of `VAE.score` that the model has: complexity is of binary pixels, faults need a detector."""
        lacks = {"complexity"} if not self.likelihood.binary else set()
        lacks |= {"faults"} if DETECTOR not in self.graphs else set()
        return tuple(method for method in SCORES if method not in lacks)

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the model can be opened in."""
        return tuple(self.golden)

    def __repr__(self) -> str:
        shape, graphs = "x".join(map(str, self.image.shape)), ", ".join(self.graphs)
        families = f"{self.prior} prior, {self.likelihood.family}"
        return f"<Manifest {self.name!r}: images {shape}, latent {self.latent_size}, {families}; {graphs}>"


def read(folder: Path, *, digest: str | None = None) -> Manifest:
    """Read and check the manifest of a model folder; digest: the sha256 that it must have."""
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; a model is a folder with a {FILE_NAME}.")
    try:
        content = files.read_file(path, LIMIT_BYTES)
    except FileNotFoundError:
        run = folder
        if (run / "config.json").is_file():
            raise ManifestError(
                f"{folder} is a run of training, no model; make one of it: vae export {shlex.quote(str(run))} MODEL."
            ) from None
        raise ManifestError(f"{folder} has no {FILE_NAME}; is it a model folder, and copied whole?") from None
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}).") from error
    if len(content) > LIMIT_BYTES:
        raise ManifestError(
            f"{path} has more than {LIMIT_BYTES:,} bytes; a manifest has fewer. If an early version wrote too many "
            'scores into it, set its "calibration" to {} and calibrate the model again; else copy the model again.'
        )
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and found != digest.strip().lower():
        raise IntegrityError(f"{path} has the sha256 {found}, expected {digest}: it is another model, or was changed.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text; copy or download the model again.") from None
    return dataclasses.replace(parse(text, str(path)), digest=found)


def read_bytes(folder: Path, manifest: Manifest) -> bytes:
    """The file's own bytes, for a copy with the same digest, if it is still what `manifest` was read from."""
    content = files.read_file(folder / FILE_NAME, LIMIT_BYTES)
    if hashlib.sha256(content).hexdigest() != manifest.digest:
        raise IntegrityError(f"{folder / FILE_NAME} was changed while it was read; try again.")
    return content


def digest_of(folder: Path) -> str:
    """The sha256 of the manifest that lies in a folder now, whole or damaged; "" where there is none."""
    try:
        return hashlib.sha256(files.read_file(folder / FILE_NAME, LIMIT_BYTES)).hexdigest()
    except OSError:
        return ""


def _indented(key: str, value: Any) -> str:
    """A value of the outermost object, a key or number a line; the thousands of scores of a calibration on one."""
    if key != "calibration":
        return json.dumps(value, indent=2, allow_nan=False).replace("\n", "\n  ")
    lines = (f'    "{name}": {json.dumps(scores, allow_nan=False)}' for name, scores in value.items())
    return "{\n" + ",\n".join(lines) + "\n  }"


def parse(text: str, where: str = FILE_NAME) -> Manifest:
    """Check every key, type and value of a manifest's text; anything unknown is a ManifestError."""
    return _parse(read_object(text, where))


def _parse(top: Reader) -> Manifest:
    top.choice("format", (FORMAT,))
    version = top.size("format_version")
    if version not in READABLE:
        raise ManifestError(
            f"the model has format version {version}; this vae-runtime reads {' and '.join(map(str, READABLE))}. "
            "Try: pip install -U vae-runtime."
        )
    latent, prior, posterior = top.object("latent"), top.object("prior"), top.object("posterior")
    latent_size = latent.size("size")
    family, training = prior.choice("family", tuple(ROLES)), top.get("training", dict)
    graphs = _graphs(top.object("graphs"), ROLES[family])
    likelihood = read_likelihood(top.object("likelihood"), version)
    manifest = Manifest(
        name=top.matching("name", r"[A-Za-z0-9_.-]{1,100}", "at most 100 letters, digits, '.', '-' and '_'"),
        license=top.matching("license", r"[ -~]{1,100}", "1 to 100 plain characters"),
        created_by=top.get("created_by", str),
        pair_id=top.matching("pair_id", r"[0-9a-f]{16}", "16 hexadecimal digits"),
        opset=top.size("opset"),
        min_onnxruntime=top.matching("min_onnxruntime", r"[0-9]{1,4}\.[0-9]{1,4}", "a version such as '1.15'"),
        image=_image(top.object("image")),
        latent_size=latent_size,
        prior=family,
        labels=_labels(prior, latent_size) if "labels" in prior else (),
        posterior=posterior.choice("family", POSTERIORS),
        likelihood=likelihood,
        graphs=graphs,
        golden=_goldens(top.object("golden"), graphs, likelihood.decoded),
        calibration=_calibration(top.object("calibration"), version) if "calibration" in top else MappingProxyType({}),
        card=tuple(_file(Reader(entry, "card")) for entry in top.get("card", list)),
        training=MappingProxyType(training),
        format_version=version,
    )
    for reader in (latent, prior, posterior, top):
        reader.end()
    # Case is dropped because some systems drop it.
    names = [FILE_NAME, "checkpoint", *(file.file.lower() for file in manifest.files)]
    if len(set(names)) != len(names):
        raise ManifestError("the manifest names one file twice.")
    total = sum(file.bytes for file in manifest.files)
    if total > FILES_BYTES:
        raise ManifestError(f"the manifest's files have {total:,} bytes together; a model has at most {FILES_BYTES:,}.")
    return manifest


def _image(reader: Reader) -> ImageSpec:
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


def _labels(prior: Reader, latent_size: int) -> tuple[Label, ...]:
    labels = []
    for entry in prior.get("labels", list):
        reader = Reader(entry, "labels")
        label = Label(
            name=reader.matching("name", r"[!-~]([ -~]{0,98}[!-~])?", "1 to 100 plain characters"),
            mean=reader.numbers("mean", latent_size),
            logvar=reader.numbers("logvar", latent_size),
        )
        reader.end()
        labels.append(label)
    if not labels or len({label.name for label in labels}) != len(labels):
        prior.refuse("labels", [label.name for label in labels], "one label or more, each once")
    return tuple(labels)


def _calibration(reader: Reader, version: int) -> Mapping[str, tuple[float, ...]]:
    """Scores by method; also of methods that this reader does not know, from version 2 on."""
    known = (*SCORES, *TILED)
    if version == 1:
        names = [name for name in known if name in reader]
    else:
        names = [name for name in reader if re.fullmatch(SCORE_NAME, name)]
    scores = {name: reader.sorted_numbers(name, CALIBRATION_LIMIT) for name in names}
    reader.end()
    return MappingProxyType(scores)


def _graphs(reader: Reader, roles: tuple[str, ...]) -> Mapping[str, Mapping[str, ModelFile]]:
    graphs = {}
    for role in (*roles, *((DETECTOR,) if DETECTOR in reader else ())):
        graph = reader.object(role)
        if "float32" not in graph:
            raise ManifestError(f"the manifest has no float32 {role}.")
        precisions = [precision for precision in PRECISIONS if precision in graph]
        graphs[role] = MappingProxyType({precision: _file(graph.object(precision)) for precision in precisions})
        graph.end()
    reader.end()
    return MappingProxyType(graphs)


def _goldens(
    reader: Reader, graphs: Mapping[str, Mapping[str, ModelFile]], decoded: tuple[str, ...]
) -> Mapping[str, Golden]:
    """Golden vectors for every precision that some graph has."""
    there = [precision for precision in PRECISIONS if any(precision in graph for graph in graphs.values())]
    goldens = {precision: _golden(reader.object(precision), decoded) for precision in there}
    reader.end()
    return MappingProxyType(goldens)


def _golden(reader: Reader, decoded: tuple[str, ...]) -> Golden:
    tolerances = reader.object("tolerance")
    tolerance = {name: tolerances.positive(name) for name in (*GOLDEN_TENSORS, *decoded, "nats")}
    tolerances.end()
    return Golden(file=_file(reader, GOLDEN_BYTES), tolerance=MappingProxyType(tolerance))


def _file(reader: Reader, limit: int = FILE_BYTES) -> ModelFile:
    # No separator, no drive, no dot at either end: no way out of the folder.
    file = ModelFile(
        file=reader.matching(
            "file", r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?", "a plain file name inside the folder"
        ),
        bytes=reader.size("bytes", minimum=0, limit=limit),
        sha256=reader.matching("sha256", r"[0-9a-f]{64}", "64 hexadecimal digits"),
    )
    reader.end()
    return file
