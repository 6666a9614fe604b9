"""Export, with torch and onnx: `vae export RUN MODEL`, and `export_model` for modules that others trained.

The function loads on first use, so that `import vae_export` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .foreign.exporting import export_model
    from .foreign.model import ForeignModel, LearnedPrior

__all__ = ["ForeignModel", "LearnedPrior", "export_model"]

_HOMES = {
    "ForeignModel": "foreign.model",
    "LearnedPrior": "foreign.model",
    "export_model": "foreign.exporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
