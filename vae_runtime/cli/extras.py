"""What some verbs need beyond the light installation, and the extra that brings it; nothing is imported to know."""

from __future__ import annotations

import importlib.util

from ..errors import VAEError

_EXPORT = ("torch", "safetensors", "onnx", "onnxscript", "onnxruntime")
MODULES = {"export": _EXPORT, "train": (*_EXPORT, "sklearn", "matplotlib")}  # what each extra lets Python import


class MissingExtra(VAEError):
    """A package is not installed that a verb needs."""

    exit_code = 3


def require(extra: str, verb: str) -> None:
    """Refuse a verb before it does anything if a module of its extra is not installed."""
    missing = [module for module in MODULES[extra] if not _is_installed(module)]
    if missing:
        raise MissingExtra(
            f"vae {verb} needs {', '.join(missing)}; install what is missing with: pip install 'vae-runtime[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
