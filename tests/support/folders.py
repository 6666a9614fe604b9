"""Model folders taken apart by tests, and written again."""

import json
import time

from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.writing import write_model


def edit(folder, change):
    """Apply a function to the content of a folder's manifest."""
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))


def model_at(path):
    """Manifest and files of a folder, as `write_model` takes them."""
    manifest = manifests.read(path)
    return manifest, {file.file: read_file(path, file) for file in manifest.files}


def replacing(path, model, seconds):
    """Write a model again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        write_model(path, *model)
