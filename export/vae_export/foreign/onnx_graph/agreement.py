"""Does the module compute what the file does? onnxruntime runs the file itself and says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import ExportError
from .module import OnnxModule

NEAR, HALF_NEAR = 1e-4, 2e-2  # of the largest number: what float32 leaves open, and what float16 does


def require_agreement(module: OnnxModule, path: Path, x: Tensor, *, half: bool) -> None:
    """Refuse a module whose outputs for x float32 [batch, ...] differ from those of the file."""
    with torch.no_grad():
        given = module(x)
    for name, ours, theirs in zip(module.outputs, given, _run(module, path, x, half=half), strict=True):
        error = _distance(ours.numpy(), theirs)
        if not error <= (HALF_NEAR if half else NEAR):
            raise ExportError(
                f"{path.name}: {name!r} differs from onnxruntime's by {error:.1e} of its largest number; this file "
                "uses an operator in a way that is read differently here. Please report it with the file."
            )


def require_rows(module: OnnxModule, path: Path, x: Tensor) -> None:
    """Refuse a graph whose rows depend on each other, as one that was exported for a batch of 1 may."""
    remedy = "export it again with an open batch (dynamic_axes={name: {0: 'batch'}})"
    with torch.no_grad():
        alone = [module(row[None]) for row in x]
        try:
            together = module(x)
        except (RuntimeError, IndexError, ValueError) as error:
            raise ExportError(f"{path.name} works for a batch of 1 alone; {remedy}.") from error
    for place, whole in enumerate(together):
        rows = torch.cat([row[place] for row in alone])
        if rows.shape != whole.shape or not _distance(whole.numpy(), rows.numpy()) <= NEAR:
            raise ExportError(f"{path.name} mixes the rows of a batch, as a graph for a batch of 1 does; {remedy}.")


def _run(module: OnnxModule, path: Path, x: Tensor, *, half: bool) -> list[np.ndarray]:
    import onnxruntime

    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feeds = {
            value.name: np.zeros([side if isinstance(side, int) else len(x) for side in value.shape], np.float32)
            for value in session.get_inputs()
        }
        feeds |= {module.input: x.numpy()}
        kinds = {value.name: _KINDS.get(value.type, np.float32) for value in session.get_inputs()}
        return list(
            session.run(list(module.outputs), {name: array.astype(kinds[name]) for name, array in feeds.items()})
        )
    except Exception as error:  # onnxruntime's own classes have no common root
        reason = str(error).splitlines()[0][:200]
        raise ExportError(f"{path.name} cannot be compared, for onnxruntime does not run it: {reason}") from error


def _distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    theirs = theirs.astype(np.float64)
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))


_KINDS = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
