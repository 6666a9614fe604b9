"""Where a model lies: a folder that the caller names, or the one that came with the package."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ManifestError

_PACKAGE = Path(__file__).resolve().parent.parent


def locate(path: str | os.PathLike[str] | None) -> Path:
    """The folder of a model; None is the default model, inside the wheel or, in a checkout, in artifacts/."""
    if path is not None:
        return Path(path)
    folder = _built_in()
    if folder is None:
        raise ManifestError("this installation holds no default model; name a model folder.")
    return folder


def is_built_in(folder: Path) -> bool:
    """Whether this folder is the default model's own."""
    default = _built_in()
    return default is not None and folder.resolve() == default.resolve()


def _built_in() -> Path | None:
    places = (_PACKAGE / "default_model", _PACKAGE.parent / "artifacts" / "mnist")
    return next((folder for folder in places if folder.is_dir()), None)
