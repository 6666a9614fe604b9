"""`.keras` files read without running anything of theirs: layers that Keras does not know become stand-ins.

The tutorials end an encoder in a layer of their own that draws z. Its class is not in the file, and is not needed.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from vae_runtime.errors import InputError

CONFIG = "config.json"
PACKAGE = "vae_export"
KINDS = ("Functional", "Sequential")


class Unknown(keras.layers.Layer):  # type: ignore[misc]
    """In the place of a layer whose code is not here: it has a name and an output, and computes nothing."""

    def __init__(self, name: str | None = None, kind: str = "", is_lambda: bool = False, **_: Any) -> None:
        super().__init__(name=name)
        self.kind, self.is_lambda = kind, is_lambda

    def compute_output_spec(self, *arguments: Any, **_: Any) -> Any:
        """Of the shape of what came first, which suits a draw."""
        given = arguments[0]
        while isinstance(given, (list, tuple)):
            given = given[0]
        return keras.KerasTensor(given.shape, given.dtype)

    def load_own_variables(self, store: Any) -> None:
        """None are needed."""

    def refusal(self, path: Path) -> str:
        """Why a model cannot come in that needs this layer."""
        if self.is_lambda:
            return (
                f"{path}: the layer {self.name!r} is a Lambda, Python code inside the file. "
                "If you know who wrote it, add --trust-pickle; if not, do not."
            )
        return (
            f"{path}: the layer {self.name!r} is of the class {self.kind}, which is not in the file. Load the models "
            "with it in Python (custom_objects=...) and give them to vae_export.export_model."
        )


def load(path: Path, *, trusted: bool) -> Any:
    """A functional or sequential model; anything else, and what is damaged, is an InputError."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            readable = Path(scratch) / "model.keras"
            classes = _rewrite(path, readable, trusted=trusted)
            return keras.saving.load_model(readable, custom_objects=classes, compile=False, safe_mode=not trusted)
    except InputError:
        raise
    except Exception as error:  # Keras raises many kinds of a file that it cannot read
        raise InputError(f"{path} is no model that this Keras ({keras.__version__}) can load: {error}") from error


def _rewrite(path: Path, target: Path, *, trusted: bool) -> dict[str, type[Unknown]]:
    """The same file with stand-ins; returns their classes by registered name."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no .keras file of Keras 3; save the model again with model.save({path.name!r}).")
    classes: dict[str, type[Unknown]] = {}
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(target, "w") as written:
        for name in given.namelist():
            content = given.read(name)
            if name == CONFIG:
                config = json.loads(content)
                _require_kind(config, path)
                _stand_in(config, classes, trusted=trusted)
                content = json.dumps(config).encode()
            written.writestr(name, content)
    return classes


def _require_kind(config: dict[str, Any], path: Path) -> None:
    if config["class_name"] not in KINDS:
        raise InputError(
            f"{path} is a model of the class {config['class_name']}, whose code is not in the file. Save its halves "
            "alone: vae.encoder.save('encoder.keras') and vae.decoder.save('decoder.keras')."
        )


def _stand_in(config: dict[str, Any], classes: dict[str, type[Unknown]], *, trusted: bool) -> None:
    """Replace, at any depth, layers that are not Keras's own, and Lambdas unless they are trusted."""
    for layer in config["config"].get("layers", ()):
        kind = layer["class_name"]
        if kind in KINDS:
            _stand_in(layer, classes, trusted=trusted)
        elif not str(layer.get("module") or "").startswith("keras.") or (kind == "Lambda" and not trusted):
            registered = f"{PACKAGE}>{kind}"
            # Keras finds the weights of the other layers by counting those before of the same class name.
            classes[registered] = type(kind, (Unknown,), {})
            name = layer["config"].get("name", layer.get("name"))
            layer["config"] = {"name": name, "kind": kind, "is_lambda": kind == "Lambda"}
            layer["module"], layer["registered_name"] = PACKAGE, registered
            layer.pop("build_config", None)
