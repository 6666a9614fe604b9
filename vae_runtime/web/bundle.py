"""The page as a folder that any static host serves: its own files, a model's, and the engine's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import sync_directory, write_file
from ..model.integrity import read_file
from ..model.manifest import FILE_NAME, Manifest
from .engine import WASM, Engine

SOURCES = Path(__file__).resolve().parent
FORMAT, FORMAT_VERSION = "vae-page", 1
FACTS = "page.json"


def check_target(folder: Path) -> None:
    """Refuse, before any work is done, a place where a page cannot or should not be written."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the page.")
    if folder.is_dir() and any(folder.iterdir()) and not _is_page(folder):
        raise InputError(f"{folder} is not empty and holds no page; give a new folder, or that of a page to replace.")


def page_files() -> dict[str, bytes]:
    """The page's own files by their path in it: the parts of `page/`, and the JavaScript host in `vae/`."""
    found = {path.name: path.read_bytes() for path in sorted((SOURCES / "page").iterdir()) if path.is_file()}
    return {**found, **{f"vae/{path.name}": path.read_bytes() for path in sorted((SOURCES / "vae").glob("*.js"))}}


def model_files(folder: Path, manifest: Manifest, precision: str) -> dict[str, bytes]:
    """The files of a model that one precision needs, each checked, and the manifest."""
    graphs = [graph.get(precision, graph["float32"]) for graph in manifest.graphs.values()]
    contents = {file.file: read_file(folder, file) for file in (*graphs, manifest.golden[precision].file)}
    return {FILE_NAME: (folder / FILE_NAME).read_bytes(), **contents}


def facts(manifest: Manifest, precision: str, model: Mapping[str, bytes], latents: Mapping[str, Any]) -> dict[str, Any]:
    """page.json without the engine: what the page loads, and what it knows of the latents."""
    later = manifest.golden[precision].file.file  # read when this is asked for
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "precision": precision,
        "digest": manifest.digest,
        "model_bytes": sum(len(content) for name, content in model.items() if name != later),
        **latents,
    }


def write_page(folder: Path, page: Mapping[str, Any], model: Mapping[str, bytes], engine: Engine) -> dict[str, int]:
    """Write the page as one change, in the place of an earlier one; returns the bytes of each file."""
    wasm = engine.files[WASM]
    described = {"version": engine.version, "file": f"engine/{WASM}", "bytes": len(wasm)}
    described["sha256"] = hashlib.sha256(wasm).hexdigest()
    files = {
        **page_files(),
        **{f"engine/{name}": content for name, content in engine.files.items()},
        **{f"model/{name}": content for name, content in model.items()},
        FACTS: json.dumps({**page, "engine": described}).encode(),
    }
    check_target(folder)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    new, old = (folder.with_name(f".{folder.name}.{token}.{kind}") for kind in ("tmp", "old"))
    try:
        for name, content in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            write_file(new / name, content)
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
    except BaseException:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        shutil.rmtree(new, ignore_errors=True)
        raise
    sync_directory(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return {name: len(content) for name, content in files.items()}


def _is_page(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return isinstance(content, dict) and content.get("format") == FORMAT
    return False
