"""Variational autoencoders without torch: sample, encode, decode, interpolate and score on onnxruntime.

Names load on first use, so that `import vae_runtime` and `vae --help` cost next to nothing.
"""

# Nothing is imported here at all: what stands first on the path may be the working directory (search_path.py).
TYPE_CHECKING = False  # as type checkers read this name, it is true

if TYPE_CHECKING:
    from typing import Any

    from .deadlines import timeout
    from .errors import (
        EngineError,
        InputError,
        IntegrityError,
        ManifestError,
        ProviderError,
        TimeoutError,
        VAEError,
    )
    from .maths.bounds import ELBO
    from .maths.noise import standard_normal
    from .maths.posterior import Posterior
    from .model.manifest import Manifest
    from .pictures.grids import image_grid
    from .pictures.pixels import from_uint8, to_uint8
    from .pictures.reading import read_images
    from .pictures.writing import write_image
    from .spec import ImageSpec, LatentSpec
    from .tiled import TiledScores, score_tiled
    from .tiles.calls import decode_tiled, encode_tiled, reconstruct_tiled
    from .vae import VAE

__version__ = "0.1.0"

__all__ = [
    "ELBO",
    "VAE",
    "EngineError",
    "ImageSpec",
    "InputError",
    "IntegrityError",
    "LatentSpec",
    "Manifest",
    "ManifestError",
    "Posterior",
    "ProviderError",
    "TiledScores",
    "TimeoutError",
    "VAEError",
    "decode_tiled",
    "encode_tiled",
    "from_uint8",
    "image_grid",
    "read_images",
    "reconstruct_tiled",
    "score_tiled",
    "standard_normal",
    "timeout",
    "to_uint8",
    "write_image",
]

_HOMES = {
    "ELBO": "maths.bounds",
    "VAE": "vae",
    "EngineError": "errors",
    "ImageSpec": "spec",
    "InputError": "errors",
    "IntegrityError": "errors",
    "LatentSpec": "spec",
    "Manifest": "model.manifest",
    "ManifestError": "errors",
    "Posterior": "maths.posterior",
    "ProviderError": "errors",
    "TiledScores": "tiled",
    "TimeoutError": "errors",
    "VAEError": "errors",
    "decode_tiled": "tiles.calls",
    "encode_tiled": "tiles.calls",
    "from_uint8": "pictures.pixels",
    "image_grid": "pictures.grids",
    "read_images": "pictures.reading",
    "reconstruct_tiled": "tiles.calls",
    "score_tiled": "tiled",
    "standard_normal": "maths.noise",
    "timeout": "deadlines",
    "to_uint8": "pictures.pixels",
    "write_image": "pictures.writing",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> "list[str]":
    return [*__all__, "__version__"]
