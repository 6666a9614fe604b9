"""A trained detector in the folder of a run or an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint
from ..errors import TrainingError
from .network import Detector, DetectorConfig

FILE, UNFINISHED = "detector.safetensors", "detector-last.safetensors"


class Detection(NamedTuple):
    """A trained detector, what decided it, and how good it is."""

    detector: Detector
    config: DetectorConfig
    figures: dict[str, float]

    def save(self, folder: Path) -> None:
        """Write it into the folder of a run or an artifact."""
        state = {**fields_of(self.config), "figures": self.figures}
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


def fields_of(config: DetectorConfig) -> dict[str, Any]:
    """A detector's config as JSON values."""
    return {**config._asdict(), "widths": list(config.widths)}
