"""All that the report shows, gathered once: the run, the model, and how the model does on held-out pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from vae_train import checkpoint as checkpoints
from vae_train.config import Config
from vae_train.data.datasets import Dataset
from vae_train.metrics import read_metrics

from vae_runtime import VAE, Manifest, from_uint8

from ..end_to_end.held_out import HeldOut, held_out, p_values, scores

METHOD = "elbo"  # the score that `vae score` takes where none is named
SAMPLES, EXAMPLES, REMADE, STRANGEST = 48, 48, 12, 8  # how many are shown

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Strangest:
    """A held-out picture that scores high: image and map of where it is strange."""

    name: str
    image: Float32
    map: Float32
    score: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the sections of the report are made of."""

    data: str  # as the user named it
    run: Path
    model: Path
    config: Config
    dataset: Dataset
    manifest: Manifest
    noted: Mapping[str, Any]  # of the steps that were done
    rows: list[dict[str, Any]]  # of metrics.jsonl
    samples: Float32
    originals: Float32
    remade: Float32
    held_out: HeldOut
    scores: Float64  # of the held-out pictures
    strangest: list[Strangest]

    @property
    def fitted(self) -> int:
        """How many images the weights were fitted to."""
        return len(self.dataset.train_images) - self.config.validation_images

    @property
    def training(self) -> Mapping[str, Any]:
        """The figures in the manifest."""
        return self.manifest.training


def gather(run: Path, model: Path, dataset: Dataset, noted: Mapping[str, Any], *, data: str) -> Facts:
    """Read the run and the model, and ask the model for what is shown; deterministic."""
    vae, config = VAE.load(model), checkpoints.read_config(run)
    pictures = held_out(config, dataset)
    held_out_scores = scores(vae, pictures.images, METHOD)
    some = np.linspace(0, len(pictures.images) - 1, _shown(len(pictures.images))).astype(int)
    originals = from_uint8(np.ascontiguousarray(pictures.images[some]))
    return Facts(
        data=data,
        run=run,
        model=model,
        config=config,
        dataset=dataset,
        manifest=vae.manifest,
        noted=noted,
        rows=read_metrics(run),
        samples=vae.sample(SAMPLES, seed=0),
        originals=originals,
        remade=vae.reconstruct(originals),
        held_out=pictures,
        scores=held_out_scores,
        strangest=_strangest(vae, pictures, held_out_scores),
    )


def _shown(there: int) -> int:
    """How many reconstructions are shown: where there are few, as many as fill the blocks that they stand in."""
    return REMADE if there >= REMADE else there // 4 * 4 or there


def _strangest(vae: VAE, pictures: HeldOut, scored: Float64) -> list[Strangest]:
    order = np.argsort(-scored, kind="stable")[:STRANGEST]
    images = from_uint8(np.ascontiguousarray(pictures.images[order]))
    rarity = p_values(scored)
    return [
        Strangest(
            name=pictures.names[number],
            image=image,
            map=where,
            score=float(scored[number]),
            p_value=float(rarity[number]),
        )
        for number, image, where in zip(order.tolist(), images, vae.anomaly_map(images), strict=True)
    ]
