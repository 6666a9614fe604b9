"""What is exported: a run, or an artifact's checkpoint folder, read whole before any work is done."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from vae_train.checkpoint import load_model, weights_digest
from vae_train.config import Config
from vae_train.detector.files import Detection, load_detector
from vae_train.detector.network import Detector
from vae_train.metrics import epochs_run
from vae_train.models.networks import VAE as TorchVAE
from vae_train.models.networks import parameter_count
from vae_train.models.sampling import noise_labels

from vae_runtime.errors import InputError
from vae_runtime.model.manifest import Label

from .int8.recipe import FILE as RECIPE
from .int8.recipe import Recipe

EVALUATION = "evaluation.json"
PIXEL_FORMATS = {1: "Gray8", 3: "Rgb8"}  # by channels, as ONNX's metadata calls them


class Source(NamedTuple):
    """The torch side of a model, and all that its folder knows of it."""

    model: TorchVAE
    config: Config
    detection: Detection | None
    recipe: Recipe | None  # for int8 graphs, of a checkpoint that carries one
    evaluation: bytes | None  # evaluation.json
    figures: dict[str, Any]  # in it

    @classmethod
    def read(cls, run: Path) -> Source:
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
    def detector(self) -> Detector | None:
        """The network that finds faults, of models that have one."""
        return self.detection.detector if self.detection else None

    @property
    def labels(self) -> tuple[Label, ...]:
        """The classes of a labelled prior, as the manifest has them."""
        labels = noise_labels(self.model.prior)
        if labels is None:
            return ()
        rows = zip(labels.names, labels.mean.tolist(), labels.logvar.tolist(), strict=True)
        return tuple(Label(name=name, mean=tuple(mean), logvar=tuple(logvar)) for name, mean, logvar in rows)

    def metadata(self, license: str) -> dict[str, str]:
        """ONNX's standard image keys, and the model in short: an orphaned graph still says what it is."""
        return {
            "Image.BitmapPixelFormat": PIXEL_FORMATS[self.config.image_shape[0]],
            "Image.ColorSpaceGamma": "SRGB",
            "Image.NominalPixelRange": "Normalized_0_1",
            "model_license": license,
            "vae.image_shape": ",".join(map(str, self.config.image_shape)),
            "vae.latent_shape": str(self.config.latent_size),
            "vae.likelihood": self.config.likelihood,
            "vae.prior": self.config.prior,
        }

    def training(self) -> dict[str, Any]:
        """How the model was trained and what was measured of it, as the manifest's `training` has it."""
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
