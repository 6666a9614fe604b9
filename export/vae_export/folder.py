"""A run becomes a model folder: graphs, golden vectors, manifest and card; checked whole, then renamed into place."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint, is_config, load_model, weights_digest
from vae_train.config import Config
from vae_train.data.datasets import Dataset
from vae_train.detector.files import FILE as DETECTOR_FILE
from vae_train.detector.files import load_detector
from vae_train.models.networks import VAE as TorchVAE
from vae_train.models.networks import parameter_count
from vae_train.models.sampling import noise_labels
from vae_train.metrics import epochs_run

import vae_runtime
from vae_runtime import VAE, image_grid
from vae_runtime.checks.equality import Equality
from vae_runtime.checks.thinning import calibrated, thinning
from vae_runtime.checks.verify import replay, verify
from vae_runtime.errors import InputError, IntegrityError
from vae_runtime.files import write_file
from vae_runtime.maths.posterior import reparameterise
from vae_runtime.model import manifest as manifests
from vae_runtime.model.folder import check_role
from vae_runtime.model.gate import OPSET
from vae_runtime.model.golden import GoldenVectors
from vae_runtime.model.lock import held_alone
from vae_runtime.model.manifest import Golden, Label, Likelihood, Manifest
from vae_runtime.model.writing import check_target, describe, write_model
from vae_runtime.pictures.writing import encode_image

from .calibration import Calibrated, calibration_there, score_folder, score_quartiles
from .card import card
from .errors import ExportError
from .golden import INT8_TOLERANCE, TOLERANCE, golden_size, golden_vectors, scaled, tensor_sizes, tolerance_of
from .graphs import MIN_ONNXRUNTIME, export_graphs, finish, tidy
from .int8 import Recipe, quantise
from .parity import Parity, compare, require_parity, torch_numbers
from .strangers import Strangers, strangers_auc

EVALUATION, RECIPE = "evaluation.json", "int8.json"
FindRecipe = Callable[[VAE, Mapping[str, onnx.ModelProto], Config], Recipe | None]


class Exported(NamedTuple):
    """How an export compares with torch, how well its scores tell strangers, and what it was calibrated with."""

    parity: list[Parity]
    strangers: Strangers | None  # where pictures were there to ask
    bits: dict[str, Equality]  # by precision
    calibrated: Calibrated | None  # where pictures were given
    thinning: str  # a sentence on calibration scores that were not kept; "" where all were


def export(
    run: Path,
    folder: Path,
    *,
    license: str = "Apache-2.0",
    int8: FindRecipe | None = None,
    calibrate: Path | None = None,
    dataset: Dataset | None = None,
    replace: bool = False,
) -> Exported:
    """Export a run, or an artifact's checkpoint folder, to a model folder; returns how it compares with torch.

    calibrate: a folder of normal pictures, whose scores tell how rare a score is. Nothing is left at `folder` unless
    every check passed. int8: finds how to quantise; without it, or where it finds no way, a checkpoint that carries a
    recipe is quantised by that. dataset: what the run was trained on, where it is at hand: its pictures are left out of
    the calibration, and its test images tell how well the scores know strangers. replace: the model may take the place
    of another one.
    """
    meant = f"to keep both, vae export {shlex.quote(str(run))} {shlex.quote(str(_free(folder)))}"
    check_target(folder, replace=replace, meant=meant)
    check_checkpoint(folder / "checkpoint")
    there = manifests.digest_of(folder)
    model, config = load_model(run)
    config = dataclasses.replace(config, epochs=epochs_run(run, config.epochs))
    detection = load_detector(run, config.image_shape)
    detector = detection.detector if detection else None
    graphs, pair_id = export_graphs(model, config, detector=detector, metadata=_metadata(config, license))
    contents = {f"{role}.onnx": content for role, content in graphs.items()}
    count, draws = golden_size(
        config,
        {
            role: check_role(content, f"{role}.onnx", role, config.image_shape, config.latent_size, pair_id)
            for role, content in graphs.items()
        },
    )
    golden = golden_vectors(model, config, detector, count=count, draws=draws)
    sizes = tensor_sizes(golden, nats=float(torch_numbers(model, golden.images, draws=draws).sizes.max()))
    contents["golden.npz"] = golden.to_bytes()
    manifest = Manifest(
        name=folder.absolute().name,
        license=license,
        created_by=f"vae-runtime {vae_runtime.__version__}",
        pair_id=pair_id,
        opset=OPSET,
        min_onnxruntime=MIN_ONNXRUNTIME,
        image=config.image_spec,
        latent_size=config.latent_size,
        prior=config.prior,
        posterior="diagonal_gaussian",
        likelihood=Likelihood(family=config.likelihood, sigma=model.likelihood.sigma),
        graphs={role: {"float32": describe(f"{role}.onnx", content)} for role, content in graphs.items()},
        golden={"float32": Golden(file=describe("golden.npz", contents["golden.npz"]), tolerance=TOLERANCE)},
        labels=_labels(model),
        card=(),
        training={**_training(run, model, config), **(detection.figures if detection else {})},
    )
    scored = strangers = None
    check_target(folder, manifest, replace=replace, meant=meant)  # its pair_id is known only now
    recipe = Recipe.read(run / RECIPE) if (run / RECIPE).exists() else None
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / manifest.name
        write_model(trial, manifest, contents)
        vae = VAE.load(trial)
        found = compare(model, config, vae, detector)
        require_parity(found)
        manifest = _with_tolerance(manifest, tolerance_of(sizes, found))
        samples = image_grid(vae.sample(64, seed=0), columns=16)
        known = dict(calibration_there(folder, pair_id))
        if calibrate:
            trained_on = dataset.trained_on if dataset else frozenset()
            scored = score_folder(vae, calibrate, tiled=config.patches > 0, trained_on=trained_on)
            known |= scored.scores
        manifest = calibrated(manifest, known)
        if dataset:
            strangers = strangers_auc(vae, dataset.test_images)
            asked = {"strangers_auc": strangers.auc, "strangers_pictures": strangers.pictures}
            if not config.patches:  # which calibrate by their windows
                asked |= score_quartiles(vae, dataset, config)
            manifest = dataclasses.replace(manifest, training={**manifest.training, **asked})
        if int8:
            recipe = int8(VAE.load(trial, threads=1), _opened(contents), config) or recipe
    if recipe:
        manifest, contents = _with_int8(manifest, contents, recipe, scaled(INT8_TOLERANCE, sizes))
    contents["samples.png"] = encode_image(samples)
    contents["README.md"] = card(manifest, {name: len(content) for name, content in contents.items()}, found).encode()
    manifest = _with_card(manifest, contents)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / manifest.name
        write_model(trial, manifest, contents)
        bits = {}
        for precision in manifest.precisions:
            report = verify(trial, providers="cpu", threads=None, precision=precision)
            assert report.bits
            bits[precision] = report.bits
            if not report.passed:
                raise ExportError(f"the runtime does not reproduce the {precision} golden vectors: {report.tensors}")
    write_model(folder, manifest, contents, replace=replace, meant=meant, expected=there)
    with held_alone(folder):
        if manifests.read(folder).pair_id != pair_id:
            raise IntegrityError(f"{folder} was replaced by another model as soon as it was written.")
        write_checkpoint(folder / "checkpoint", run, model, config)
        if detection:
            detection.save(folder / "checkpoint")
        else:
            (folder / "checkpoint" / DETECTOR_FILE).unlink(missing_ok=True)
        if recipe:
            write_file(folder / "checkpoint" / RECIPE, recipe.to_json().encode())
        else:
            (folder / "checkpoint" / RECIPE).unlink(missing_ok=True)
    return Exported(found, strangers, bits, scored, thinning(known, manifest.calibration))


def _with_int8(
    manifest: Manifest, contents: dict[str, bytes], recipe: Recipe, tolerance: Mapping[str, float]
) -> tuple[Manifest, dict[str, bytes]]:
    """The same model with int8 graphs and golden vectors beside the float32 ones."""
    contents, graphs = dict(contents), dict(manifest.graphs)
    for role, graph in _opened(contents).items():
        if role in recipe.float32:
            metadata = {item.key: item.value for item in graph.metadata_props} | {"vae.precision": "int8"}
            quantised = tidy(quantise(graph, recipe.ranges[role], recipe.float32[role]))
            contents[f"{role}.int8.onnx"] = finish(quantised, role, metadata)
            graphs[role] = {**graphs[role], "int8": describe(f"{role}.int8.onnx", contents[f"{role}.int8.onnx"])}
    # The integer graphs are their own reference: their goldens come from the runtime, float32's from torch.
    float32 = GoldenVectors.from_bytes(contents["golden.npz"])
    placeholder = Golden(file=describe("golden.int8.npz", contents["golden.npz"]), tolerance=tolerance)
    manifest = dataclasses.replace(manifest, graphs=graphs, golden={**manifest.golden, "int8": placeholder})
    contents["golden.int8.npz"] = contents["golden.npz"]
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / manifest.name
        write_model(trial, manifest, contents)
        vae = VAE.load(trial, precision="int8")
        posterior = vae.encode(float32.images)
        found = replay(vae, float32._replace(z=reparameterise(posterior, float32.eps)))
    contents["golden.int8.npz"] = found.to_bytes()
    golden = Golden(file=describe("golden.int8.npz", contents["golden.int8.npz"]), tolerance=tolerance)
    training = {**manifest.training, **{f"int8_{name}": figure for name, figure in recipe.measured.items()}}
    return dataclasses.replace(manifest, golden={**manifest.golden, "int8": golden}, training=training), contents


def _with_tolerance(manifest: Manifest, tolerance: Mapping[str, float]) -> Manifest:
    golden = dataclasses.replace(manifest.golden["float32"], tolerance=tolerance)
    return dataclasses.replace(manifest, golden={**manifest.golden, "float32": golden})


def _free(folder: Path) -> Path:
    """A folder beside this one that is not there yet."""
    places = (Path(f"{folder}-{number}") for number in itertools.count(2))
    return next(place for place in places if not place.exists())


def _opened(contents: Mapping[str, bytes]) -> dict[str, onnx.ModelProto]:
    """The float32 graphs by role."""
    return {
        name.removesuffix(".onnx"): onnx.load_from_string(content)
        for name, content in contents.items()
        if name.endswith(".onnx") and not name.endswith(".int8.onnx")
    }


def check_checkpoint(folder: Path) -> None:
    """Refuse, before any work is done, a folder of this name that no export has written."""
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or is_config(folder / "config.json"))):
        raise InputError(f"{folder} is not the checkpoint of an export, which would be written there; move it first.")


def write_checkpoint(folder: Path, run: Path, model: TorchVAE, config: Config) -> None:
    """The torch side of an artifact: weights, config and figures, enough to export it again."""
    folder.mkdir(exist_ok=True)
    checkpoints.save(folder / "model.safetensors", Checkpoint(dict(model.state_dict()), {}))
    write_file(folder / "config.json", config.to_json().encode())
    if (run / EVALUATION).exists():
        write_file(folder / EVALUATION, (run / EVALUATION).read_bytes())
    else:  # figures of the model that lay here before
        (folder / EVALUATION).unlink(missing_ok=True)


def _metadata(config: Config, license: str) -> dict[str, str]:
    """ONNX's standard image keys, and the model in short: an orphaned graph still says what it is."""
    return {
        "Image.BitmapPixelFormat": "Gray8" if config.image_shape[0] == 1 else "Rgb8",
        "Image.ColorSpaceGamma": "SRGB",
        "Image.NominalPixelRange": "Normalized_0_1",
        "model_license": license,
        "vae.image_shape": ",".join(map(str, config.image_shape)),
        "vae.latent_size": str(config.latent_size),
        "vae.likelihood": config.likelihood,
        "vae.prior": config.prior,
    }


def _training(run: Path, model: TorchVAE, config: Config) -> dict[str, Any]:
    path = run / EVALUATION
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    probes = figures.pop("linear_probe_accuracy", {})
    figures.pop("not_measured", None)
    if figures.pop("weights", weights_digest(model)) != weights_digest(model):
        raise InputError(f"{path} is of other weights; measure again: vae evaluate {run}")
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
    return {
        "data": config.data,
        "preset": config.preset,
        "targets": config.targets,
        "epochs": config.epochs,
        **({"started_from": config.started_from} if config.started_from else {}),
        **({"picture_sizes": list(config.picture_sizes)} if config.picture_sizes else {}),
        "parameters": parameter_count(model),
        **rounded,
        **{f"probe_accuracy_{labels}": round(accuracy, 4) for labels, accuracy in probes.items()},
    }


def _labels(model: TorchVAE) -> tuple[Label, ...]:
    labels = noise_labels(model.prior)
    if labels is None:
        return ()
    rows = zip(labels.names, labels.mean.tolist(), labels.logvar.tolist(), strict=True)
    return tuple(Label(name=name, mean=tuple(mean), logvar=tuple(logvar)) for name, mean, logvar in rows)


def _with_card(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    return dataclasses.replace(
        manifest, card=tuple(describe(name, contents[name]) for name in ("README.md", "samples.png"))
    )
