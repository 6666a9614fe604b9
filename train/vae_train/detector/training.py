"""Training of a detector beside a run: normal images, faults drawn into them, binary cross-entropy at each cell."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vae_runtime.files import sweep

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint, under
from ..data.augment import augment
from ..data.datasets import Dataset
from ..errors import TrainingError
from ..fit.division import Division
from ..fit.loop import stop_signals
from ..fit.trainer import to_float
from ..progress import ProgressLine, clock, say
from .faults import draw_faults
from .network import CELL, Detector, DetectorConfig

FILE, UNFINISHED = "detector.safetensors", "detector-last.safetensors"
SAVE_SECONDS = 60.0
FAULT_WEIGHT = 3.0  # of a faulty cell in the loss: few are
GAIN = 0.3  # images are made darker and brighter by up to this much
WARMUP_STEPS = 200
GRADIENT_NORM_LIMIT = 1.0


class DetectorTrainer:
    """One detector while it learns; with the same config, data and `Division` a CPU run repeats bit for bit."""

    def __init__(
        self, config: DetectorConfig, dataset: Dataset, augmentations: tuple[str, ...], device: torch.device
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self._augmentations = config, device, augmentations
        shape = dataset.train_images.shape[1:]
        detector = Detector(config, (int(shape[0]), int(shape[1]), int(shape[2])))
        self.detector = detector.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.detector.parameters(), lr=config.learning_rate, weight_decay=1e-4)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        self._images = torch.from_numpy(dataset.train_images)
        self.step, self.loss = 0, math.nan

    def take_step(self) -> None:
        """One step of AdamW on a batch drawn with replacement."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = _learning_rate(config, self.step)
        rows = torch.randint(len(self._images), (config.batch_size,), device=self.device, generator=self.noise)
        images = augment(to_float(self._images[rows.cpu()].to(self.device)), self._augmentations, self.noise)
        gain = 1 + GAIN * (2 * torch.rand(len(images), 1, 1, 1, device=self.device, generator=self.noise) - 1)
        faulty, mask = draw_faults(self.detector.reduced((images * gain).clamp(0, 1)), self.noise)
        loss = detection_loss(self.detector.cells(faulty), mask)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.detector.parameters(), GRADIENT_NORM_LIMIT)
        self.optimizer.step()
        self.step += 1
        if self.step % 100 == 0 or self.step == config.steps:
            self.loss = float(loss.detach())
            if not math.isfinite(self.loss):
                raise TrainingError(f"the detector's loss is not finite at step {self.step}; run the command again.")

    def checkpoint(self) -> Checkpoint:
        """All that a resumed run needs."""
        tensors = {f"detector.{name}": tensor for name, tensor in self.detector.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in slots.items()}
        state = {"step": self.step, "division": Division.here(self.device)._asdict(), **_fields(self.config)}
        return Checkpoint({**tensors, "noise": self.noise.get_state()}, state)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `checkpoint` was taken."""
        self.detector.load_state_dict(under(saved.tensors, "detector."))
        parameters = list(self.detector.parameters())
        state = {index: under(saved.tensors, f"optimizer.{index}.") for index in range(len(parameters))}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"param_groups": groups, "state": state if saved.state["step"] else {}})
        self.noise.set_state(saved.tensors["noise"])
        self.step = saved.state["step"]


def fit_detector(
    run: Path,
    config: DetectorConfig,
    dataset: Dataset,
    augmentations: tuple[str, ...],
    device: torch.device,
    *,
    signals: list[int] | None = None,
) -> dict[str, float] | None:
    """Train a detector and leave it in the run's folder; returns its figures, or None after a signal.

    signals: takes those that came.

    An unfinished one of the same config is gone on with, exactly.
    """
    trainer = DetectorTrainer(config, dataset, augmentations, device)
    unfinished = run / UNFINISHED
    sweep(run, (FILE, UNFINISHED))
    if unfinished.exists():
        saved = checkpoints.read(unfinished)
        division = saved.state.pop("division", {})
        if saved.state == {"step": saved.state["step"], **_fields(config)}:
            trainer.restore(saved)
            say(f"Resuming at step {trainer.step} of {config.steps}.")
            if changed := Division.here(device).since(division):
                say(changed)
    line, begun, saved_at, first = ProgressLine(log_seconds=60), time.monotonic(), time.monotonic(), trainer.step
    with stop_signals(signals) as signals:
        while trainer.step < config.steps:
            trainer.take_step()
            now = time.monotonic()
            left = (config.steps - trainer.step) * (now - begun) / (trainer.step - first)
            line.show(f"step {trainer.step}/{config.steps}  loss {trainer.loss:.4f}  {clock(left)} left")
            if signals or now - saved_at > SAVE_SECONDS:
                checkpoints.save(unfinished, trainer.checkpoint())
                saved_at = now
            if signals:
                line.clear()
                say(f"Stopped at step {trainer.step}; nothing is lost. The same command goes on.")
                return None
    line.clear()
    figures = {"detector_drawn_faults_auc": drawn_faults_auc(trainer.detector, dataset.test_images)}
    Detection(trainer.detector, config, figures).save(run)
    unfinished.unlink(missing_ok=True)
    return figures


class Detection(NamedTuple):
    """A trained detector, what decided it, and how good it is."""

    detector: Detector
    config: DetectorConfig
    figures: dict[str, float]

    def save(self, folder: Path) -> None:
        """Write it into the folder of a run or an artifact."""
        state = {**_fields(self.config), "figures": self.figures}
        checkpoints.save(folder / FILE, Checkpoint(dict(self.detector.state_dict()), state))


def is_finished(run: Path) -> bool:
    """Whether a run has a detector, and none that is begun and not finished."""
    return (run / FILE).exists() and not (run / UNFINISHED).exists()


def load_detector(folder: Path, image_shape: tuple[int, int, int]) -> Detection | None:
    """The detector of a run's or artifact's folder; None where there is none."""
    if not (folder / FILE).exists():
        return None
    saved = checkpoints.read(folder / FILE)
    fields = {name: saved.state[name] for name in DetectorConfig._fields}
    config = DetectorConfig(**{**fields, "widths": tuple(fields["widths"])})
    detector = Detector(config, image_shape)
    try:
        detector.load_state_dict(saved.tensors)
    except RuntimeError as error:
        raise TrainingError(f"the weights in {folder / FILE} do not fit its config: {error}") from error
    return Detection(detector.eval(), config, saved.state["figures"])


def detection_loss(log_odds: Tensor, mask: Tensor) -> Tensor:
    """Mean binary cross-entropy of log-odds [batch, 1, rows, columns]; a cell is faulty where any pixel of it is."""
    cells = F.max_pool2d(mask.to(log_odds.dtype), CELL, ceil_mode=True)
    return F.binary_cross_entropy_with_logits(log_odds, cells, pos_weight=torch.tensor(FAULT_WEIGHT))


@torch.inference_mode()
def drawn_faults_auc(detector: Detector, images: npt.NDArray[np.uint8]) -> float:
    """How well the highest log-odds tell held-out images with drawn faults from the same ones without: AUROC."""
    from sklearn.metrics import roc_auc_score

    device = next(detector.parameters()).device
    noise = torch.Generator(device).manual_seed(0)
    scores: list[float] = []
    classes: list[int] = []
    for rows in torch.from_numpy(images).split(64):
        reduced = detector.reduced(to_float(rows.to(device)))
        faulty, mask = draw_faults(reduced, noise)
        for part, found in ((reduced, None), (faulty, mask.flatten(1).any(1))):
            highest = detector.enlargement(detector.cells(part)).flatten(1).max(1).values
            kept = highest if found is None else highest[found]
            scores += kept.tolist()
            classes += [int(found is not None)] * len(kept)
    return float(roc_auc_score(classes, scores)) if len(set(classes)) == 2 else math.nan


def _learning_rate(config: DetectorConfig, step: int) -> float:
    """Linear warm-up, then half a cosine to 0 (Loshchilov and Hutter 2017)."""
    warmup = min(1.0, (step + 1) / WARMUP_STEPS)
    return config.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _fields(config: DetectorConfig) -> dict[str, Any]:
    return {**config._asdict(), "widths": list(config.widths)}
