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
    for folder in (_PACKAGE / "default_model", _PACKAGE.parent / "artifacts" / "mnist"):
        if folder.is_dir():
            return folder
    raise ManifestError("this installation holds no default model; name a model folder.")
