"""Checkpoints: one safetensors file each, no pickle, carrying its own sha256, written aside and renamed.

A run folder keeps three: `last` (the newest), `previous` (the one before, should `last` be damaged) and `best`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from vae_runtime.errors import InputError
from vae_runtime.files import write_file

from .config import Config
from .errors import TrainingError
from .models.networks import VAE, build

LAST, PREVIOUS, BEST = "last.safetensors", "previous.safetensors", "best.safetensors"
# All that writers of a run write whole, and may leave under a temporary name.
FILES = (LAST, PREVIOUS, BEST, "config.json", "data.json", "metrics.csv", "evaluation.json", "bounds.npz")


class Checkpoint(NamedTuple):
    """Named tensors, and everything that is not a tensor as JSON values."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all, stamped with the sha256 of its tensors and state."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    state = json.dumps(checkpoint.state, sort_keys=True)
    # One key: safetensors writes several in any order, and the same checkpoint should be the same bytes.
    stamp = json.dumps({"sha256": _digest(tensors, state), "state": state})
    write_file(path, safetensors.torch.save(tensors, {"checkpoint": stamp}))


def save_last(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `last`, keeping the one before it as `previous`; at every instant one of the two is whole."""
    if (folder / LAST).exists():
        os.replace(folder / LAST, folder / PREVIOUS)
    save(folder / LAST, checkpoint)


def read(path: Path) -> Checkpoint:
    """Read what `save` wrote; a damaged file, or another program's, is a TrainingError."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if "checkpoint" not in metadata:
            raise TrainingError(
                f"{path} is a safetensors file of another program: {len(tensors)} tensors without the stamp of a "
                f"checkpoint. Expected {BEST} or {LAST} of a run (vae fit)."
            )
        stamp = json.loads(metadata["checkpoint"])
        state: str = stamp["state"]
        if stamp["sha256"] != _digest(tensors, state):
            raise TrainingError(f"{path} is damaged: its content does not have the sha256 that it carries.")
        return Checkpoint(tensors, json.loads(state))
    except FileNotFoundError:
        raise TrainingError(f"{path} does not exist.") from None
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if _is_pickle(path):
            raise TrainingError(
                f"{path} is a pickle, as torch.save writes it, which may run code and is not read; expected {BEST} or "
                f"{LAST} of a run (vae fit)."
            ) from None
        raise TrainingError(f"{path} is damaged: {error}.") from error


def _is_pickle(path: Path) -> bool:
    """Whether a file begins as torch.save's do, zipped or not."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(4).startswith((b"PK\3\4", b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"))
    return False


def read_last(folder: Path, warn: Any) -> Checkpoint:
    """Read `last`, or with a warning `previous` if `last` is missing or damaged."""
    try:
        return read(folder / LAST)
    except TrainingError as error:
        try:
            checkpoint = read(folder / PREVIOUS)
        except TrainingError as second:
            raise TrainingError(f"{error} {second} There is nothing to resume from; start a new run.") from error
        warn(f"{error} Resuming from {PREVIOUS}, step {checkpoint.state['step']}.")
        return checkpoint


def has_checkpoint(folder: Path) -> bool:
    """Whether a run that can be resumed lies here; one that failed before its first checkpoint may be begun again."""
    return any((folder / name).exists() for name in (LAST, PREVIOUS))


def require_new_run(folder: Path) -> None:
    """Refuse a folder that a new run would overwrite, or whose files are somebody else's."""
    names = set(os.listdir(folder)) - {".lock"} if folder.is_dir() else set()
    try:
        str(folder).encode()
    except UnicodeEncodeError:  # safetensors opens no such file
        raise InputError(f"the name {str(folder)!a} is not UTF-8; choose another --out.") from None
    if has_checkpoint(folder):
        quoted = shlex.quote(str(folder))
        raise InputError(f"{folder} is a run already; choose another --out, or go on with --resume {quoted}.")
    if names & {"manifest.json", "model.safetensors"}:
        raise InputError(f"{folder} holds a model, which a run would overwrite; choose another --out.")
    # A run that failed before its first checkpoint has left these; other programs have a config.json and data.json too.
    if names and not (is_config(folder / "config.json") or _is_place(folder / "data.json")):
        raise InputError(f"{folder} is not empty and holds no run; choose another --out.")


def is_config(path: Path) -> bool:
    """Whether a file is the config of a run, and not another program's of the same name."""
    try:
        Config.from_json(path.read_text(encoding="utf-8"))
    except (InputError, OSError, ValueError, AttributeError):  # AttributeError: JSON, but no object
        return False
    return True


def _is_place(path: Path) -> bool:
    """Whether a file is where a run notes its folder of pictures (`sources.PictureFolders`)."""
    try:
        return set(json.loads(path.read_text(encoding="utf-8"))) == {"folder", "validation"}
    except (OSError, TypeError, ValueError):
        return False


def read_config(folder: Path) -> Config:
    """Read the config.json of a run or checkpoint folder."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} has no config.json; expected the folder of a run, as `fit --out` makes it.")
    return Config.from_json(path.read_text(encoding="utf-8"))


def load_model(folder: Path, device: torch.device | None = None) -> tuple[VAE, Config]:
    """Load the model that a run is worth: its best weights, averaged where the run averaged.

    `folder` is a run (best.safetensors) or an artifact's `checkpoint` folder (model.safetensors).
    """
    config = read_config(folder)
    shipped = folder / "model.safetensors"
    tensors = read(shipped if shipped.exists() else folder / BEST).tensors
    model = build(config, device or torch.device("cpu"))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise TrainingError(f"the weights in {folder} do not fit its config.json: {error}") from error
    return model.eval(), config


def weights_digest(model: VAE) -> str:
    """sha256 of a model's weights."""
    return _digest({name: tensor.cpu() for name, tensor in model.state_dict().items()}, "")


def _digest(tensors: dict[str, Tensor], state: str) -> str:
    """sha256 of named tensors and a state, whatever the order of the names."""
    sha256 = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        sha256.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()
