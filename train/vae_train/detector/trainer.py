"""One step of a detector: normal images, faults drawn into them, binary cross-entropy at each cell."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checkpoint import Checkpoint, under
from ..data.augment import augment
from ..data.datasets import Dataset
from ..data.pixels import to_float
from ..errors import TrainingError
from ..fit.division import Division
from ..fit.moments import moments, set_moments
from ..fit.parallel import Processes
from .faults import draw_faults
from .files import fields_of
from .network import CELL, Detector, DetectorConfig

FAULT_WEIGHT = 3.0  # of a faulty cell in the loss: few are
GAIN = 0.3  # images are made darker and brighter by up to this much
WARMUP_STEPS = 200
GRADIENT_NORM_LIMIT = 1.0
CHECK_STEPS = 100  # how often the loss is looked at


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
        self.processes = Processes()
        self.step = 0
        self.loss = math.nan  # as it was when it was last looked at, for that waits for the device

    @property
    def is_done(self) -> bool:
        """Whether the last step is taken."""
        return self.step >= self.config.steps

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
        if math.isnan(self.loss) or self.step % CHECK_STEPS == 0 or self.is_done:
            self.loss = float(loss.detach())
            if not math.isfinite(self.loss):
                raise TrainingError(f"the detector's loss is not finite at step {self.step}; run the command again.")

    def checkpoint(self) -> Checkpoint:
        """All that a resumed run needs."""
        tensors = {f"detector.{name}": tensor for name, tensor in self.detector.state_dict().items()}
        tensors |= moments(self.optimizer)
        state = {"step": self.step, "division": Division.here(self.device)._asdict(), **fields_of(self.config)}
        return Checkpoint({**tensors, "noise": self.noise.get_state()}, state)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `checkpoint` was taken."""
        self.detector.load_state_dict(under(saved.tensors, "detector."))
        set_moments(self.optimizer, saved.tensors)
        self.noise.set_state(saved.tensors["noise"])
        self.step = saved.state["step"]


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
        shows_fault = mask.flatten(1).any(1)
        for part, is_faulty in ((reduced, 0), (faulty[shows_fault], 1)):
            scores += detector.enlargement(detector.cells(part)).flatten(1).max(1).values.tolist()
            classes += [is_faulty] * len(part)
    return float(roc_auc_score(classes, scores)) if len(set(classes)) == 2 else math.nan


def _learning_rate(config: DetectorConfig, step: int) -> float:
    """Linear warm-up, then half a cosine to 0 (Loshchilov and Hutter 2017)."""
    warmup = min(1.0, (step + 1) / WARMUP_STEPS)
    return config.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / config.steps))
