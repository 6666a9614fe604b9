"""onnxruntime-web, as its npm package brings it: the two files that the page needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, IntegrityError

MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
SERVED = {MODULE: "ort.wasm.bundle.min.js"}  # many servers know no .mjs, and browsers run no module of unknown type
TESTED = "1.30.0"  # the version that examples/browser/package.json pins
SHA256 = {
    MODULE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


class Engine(NamedTuple):
    """Its version, and the content of its files by name."""

    version: str
    files: dict[str, bytes]


def read_engine(folder: Path) -> Engine:
    """Read onnxruntime-web from its package, its dist, or the folder that has node_modules.

    The tested version must be as it was published; another one is taken as it is.
    """
    places = (folder, folder / "dist", folder / "node_modules" / "onnxruntime-web" / "dist")
    dist = next((place for place in places if all((place / name).is_file() for name in SHA256)), None)
    if dist is None:
        raise InputError(
            f"{folder} holds no onnxruntime-web ({MODULE}, {WASM}). Try: npm install --ignore-scripts "
            f"onnxruntime-web@{TESTED}, and give node_modules/onnxruntime-web."
        )
    engine = Engine(_version(dist.parent / "package.json"), {name: (dist / name).read_bytes() for name in SHA256})
    if engine.version == TESTED:
        for name, content in engine.files.items():
            if hashlib.sha256(content).hexdigest() != SHA256[name]:
                raise IntegrityError(f"{dist / name} is not that of onnxruntime-web {TESTED}; install it again.")
    return engine


def _version(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"
