"""A run, or an artifact's checkpoint folder, as the source of an export: read whole before any work is done."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint, load_model, weights_digest
from vae_train.config import Config
from vae_train.detector.files import FILE as DETECTOR
from vae_train.detector.files import Detection, load_detector
from vae_train.detector.network import Detector
from vae_train.metrics import epochs_run
from vae_train.models.networks import VAE as TorchVAE
from vae_train.models.networks import parameter_count
from vae_train.models.sampling import noise_labels

from vae_runtime.errors import InputError
from vae_runtime.files import write_file
from vae_runtime.maths.likelihood import Likelihood
from vae_runtime.model.manifest import Label
from vae_runtime.spec import ImageSpec, LatentSpec

from .graphs.functions import Functions, run_functions
from .int8.recipe import FILE as RECIPE
from .int8.recipe import Recipe
from .torch_side import TorchSide

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class RunSource:
    """The torch side of a run's model, and all that its folder knows of it."""

    model: TorchVAE
    config: Config
    detection: Detection | None
    recipe: Recipe | None  # for int8 graphs, of a checkpoint that carries one
    evaluation: bytes | None  # evaluation.json
    figures: dict[str, Any]  # in it

    posterior: str = "diagonal_gaussian"
    examples: None = None
    may_be_large: bool = False

    @classmethod
    def read(cls, run: Path) -> RunSource:
        """Read a folder; figures of other weights than lie there are an InputError."""
        model, config = load_model(run)
        config = dataclasses.replace(config, epochs=epochs_run(run, config.epochs))
        path = run / EVALUATION
        evaluation = path.read_bytes() if path.exists() else None
        figures: dict[str, Any] = json.loads(evaluation) if evaluation else {}
        if figures.pop("weights", weights_digest(model)) != weights_digest(model):
            raise InputError(f"{path} is of other weights; measure again: vae evaluate {run}")
        recipe = Recipe.read(run / RECIPE) if (run / RECIPE).exists() else None
        return cls(model, config, load_detector(run, config.image_shape), recipe, evaluation, figures)

    @property
    def image(self) -> ImageSpec:
        return self.config.image_spec

    @property
    def latent(self) -> LatentSpec:
        return LatentSpec(shape=(self.config.latent_size,))

    @property
    def prior(self) -> str:
        return self.config.prior

    @property
    def likelihood(self) -> Likelihood:
        return self.model.likelihood.to_runtime()

    @property
    def detector(self) -> Detector | None:
        """The network that finds faults, of models that have one."""
        return self.detection.detector if self.detection else None

    @property
    def side(self) -> TorchSide:
        return TorchSide.of_run(self.model, self.config, self.detector)

    @property
    def functions(self) -> Functions:
        return run_functions(self.model, self.config, self.detector)

    @property
    def learned_windows(self) -> bool:
        return self.config.patches > 0

    @property
    def labels(self) -> tuple[Label, ...]:
        labels = noise_labels(self.model.prior)
        if labels is None:
            return ()
        rows = zip(labels.names, labels.mean.tolist(), labels.logvar.tolist(), strict=True)
        return tuple(Label(name=name, mean=tuple(mean), logvar=tuple(logvar)) for name, mean, logvar in rows)

    def training(self) -> dict[str, Any]:
        config, figures = self.config, dict(self.figures)
        probes = figures.pop("linear_probe_accuracy", {})
        figures.pop("not_measured", None)
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
        return {
            "data": config.data,
            "preset": config.preset,
            "targets": config.targets,
            "epochs": config.epochs,
            **({"started_from": config.started_from} if config.started_from else {}),
            **({"picture_sizes": list(config.picture_sizes)} if config.picture_sizes else {}),
            "parameters": parameter_count(self.model),
            **rounded,
            **{f"probe_accuracy_{labels}": round(accuracy, 4) for labels, accuracy in probes.items()},
            **(self.detection.figures if self.detection else {}),
        }

    def keep(self, folder: Path, recipe: Recipe | None) -> None:
        """Weights, config, figures, detector and recipe."""
        folder.mkdir(exist_ok=True)
        checkpoints.save(folder / "model.safetensors", Checkpoint(dict(self.model.state_dict()), {}))
        write_file(folder / "config.json", self.config.to_json().encode())
        _write_or_remove(folder / EVALUATION, self.evaluation)
        _write_or_remove(folder / RECIPE, recipe.to_json().encode() if recipe else None)
        if self.detection:
            self.detection.save(folder)
        else:
            (folder / DETECTOR).unlink(missing_ok=True)


def remove_checkpoint(folder: Path) -> None:
    """Remove what `keep` wrote for an earlier model; other people's files stay."""
    for name in ("model.safetensors", "config.json", EVALUATION, RECIPE, DETECTOR):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _write_or_remove(path: Path, content: bytes | None) -> None:
    """None: what lies there is of the model that lay here before."""
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_file(path, content)
