"""manifest.json: the truth about a model. A closed set of keys, read strictly.

docs/FORMAT.md is the normative description; this module is the only reader of it in this project, `contents.py` the
only writer.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from .. import files
from ..errors import InputError, IntegrityError, ManifestError
from ..maths.likelihood import read_likelihood
from ..spec import ImageSpec, LatentSpec
from .contents import FORMAT, FORMAT_VERSION, Golden, Label, Manifest, ModelFile
from .lacking import NONE
from .limits import LARGE, USUAL, Limits, remedy
from .prior import PRIORS, PRIORS_1
from .scores import DETECTOR
from .strict_json import Reader, read_object

__all__ = ["DETECTOR", "FORMAT", "FORMAT_VERSION", "Golden", "Label", "Manifest", "ModelFile", "parse", "read"]

READABLE = (1, FORMAT_VERSION)
FILE_NAME = "manifest.json"
PRECISIONS = ("float32", "int8")
POSTERIORS_1 = ("diagonal_gaussian",)  # of version 1
POSTERIORS = (*POSTERIORS_1, NONE)
SCORES_1 = ("elbo", "reconstruction", "kl", "complexity", "faults")  # of version 1, which knows no others
SCORE_NAME = r"[a-z][a-z0-9_]{0,30}"  # of a score, known to this reader or not
CALIBRATION_LIMIT = 10_000  # scores of a method
LIMIT_BYTES = 2**20


def read(folder: Path, *, digest: str | None = None, limits: Limits = USUAL) -> Manifest:
    """Read and check the manifest of a model folder; digest: the sha256 that it must have.

    limits: what its files may have, for whoever goes on to read them.
    """
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
    actual = hashlib.sha256(content).hexdigest()
    if digest is not None and actual != digest.strip().lower():
        raise IntegrityError(f"{path} has the sha256 {actual}, expected {digest}: it is another model, or was changed.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text; copy or download the model again.") from None
    manifest = dataclasses.replace(parse(text, str(path)), digest=actual)
    _require_within(limits, manifest)
    return manifest


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
    spec, image = _latent(latent, version), _image(top.object("image"))
    family, training = prior.choice("family", PRIORS_1 if version == 1 else tuple(PRIORS)), top.get("training", dict)
    posterior_family = posterior.choice("family", POSTERIORS_1 if version == 1 else POSTERIORS)
    roles = ("encoder", "decoder", *PRIORS[family].graphs(spec.shape))
    graphs = _graphs(top.object("graphs"), roles)
    likelihood = read_likelihood(top.object("likelihood"), version, image.shape[0])
    tensors = golden_tensors(prior=family, posterior=posterior_family, decoded=likelihood.decoded)
    manifest = Manifest(
        name=top.matching("name", r"[A-Za-z0-9_.-]{1,100}", "at most 100 letters, digits, '.', '-' and '_'"),
        license=top.matching("license", r"[ -~]{1,100}", "1 to 100 plain characters"),
        created_by=top.get("created_by", str),
        pair_id=top.matching("pair_id", r"[0-9a-f]{16}", "16 hexadecimal digits"),
        opset=top.size("opset"),
        min_onnxruntime=top.matching("min_onnxruntime", r"[0-9]{1,4}\.[0-9]{1,4}", "a version such as '1.15'"),
        image=image,
        latent=spec,
        prior=family,
        labels=_labels(prior, spec.size) if family != NONE and "labels" in prior else (),
        posterior=posterior_family,
        likelihood=likelihood,
        graphs=graphs,
        golden=_goldens(top.object("golden"), graphs, tensors),
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
    _require_within(LARGE, manifest)
    return manifest


def _require_within(limits: Limits, manifest: Manifest) -> None:
    """Refuse files that are longer, each or together, than a model's may be."""
    golden = {golden.file.file for golden in manifest.golden.values()}
    total = sum(file.bytes for file in manifest.files)
    for file in manifest.files:
        most = limits.golden_bytes if file.file in golden else limits.file_bytes
        if file.bytes > most:
            raise ManifestError(
                f"the manifest says that {file.file} has {file.bytes:,} bytes; expected from 0 to {most:,}. "
                f"{remedy(limits, large_enough=total <= LARGE.files_bytes)}"
            )
    if total > limits.files_bytes:
        raise ManifestError(
            f"the manifest's files have {total:,} bytes together; a model has at most {limits.files_bytes:,}. "
            f"{remedy(limits, large_enough=total <= LARGE.files_bytes)}"
        )


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


def _latent(reader: Reader, version: int) -> LatentSpec:
    if version == 1:
        return LatentSpec(shape=(reader.size("size"),))
    scaling = {key: reader.get(key, float, int) for key in ("scale", "shift") if key in reader}
    try:
        return LatentSpec(shape=tuple(reader.get("shape", list)), **scaling)
    except InputError as error:
        raise ManifestError(f"the manifest's {error}") from None


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
    if version == 1:
        tiled = tuple(f"{name}_tiled" for name in SCORES_1)  # the highest score of a picture's windows
        names = [name for name in (*SCORES_1, *tiled) if name in reader]
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
    reader: Reader, graphs: Mapping[str, Mapping[str, ModelFile]], tensors: tuple[str, ...]
) -> Mapping[str, Golden]:
    """Golden vectors for every precision that some graph has."""
    there = [precision for precision in PRECISIONS if any(precision in graph for graph in graphs.values())]
    goldens = {precision: _golden(reader.object(precision), tensors) for precision in there}
    reader.end()
    return MappingProxyType(goldens)


def _golden(reader: Reader, tensors: tuple[str, ...]) -> Golden:
    tolerances = reader.object("tolerance")
    tolerance = {name: tolerances.positive(name) for name in tensors}
    tolerances.end()
    return Golden(file=_file(reader, LARGE.golden_bytes), tolerance=MappingProxyType(tolerance))


def golden_tensors(*, prior: str, posterior: str, decoded: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of tensors that golden vectors of a model of these families hold, by the names of their tolerances."""
    logvar, z = ("logvar",) if posterior != NONE else (), ("z",) if prior != NONE else ()
    return ("mean", *logvar, *z, "images", *decoded, "nats")


def _file(reader: Reader, limit: int = LARGE.file_bytes) -> ModelFile:
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
