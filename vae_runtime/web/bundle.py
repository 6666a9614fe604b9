"""The page as a folder that any static host serves: its own files, a model's, and the engine's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError
from ..model import manifest as manifests
from ..model import writing
from ..model.integrity import read_file
from ..model.lock import held_alone
from ..model.manifest import FILE_NAME, Manifest
from ..model.ownership import owned
from .comments import without_comments
from .engine import MODULE, SERVED, WASM, Engine

SOURCES = Path(__file__).resolve().parent
FORMAT, FORMAT_VERSION = "vae-page", 1
FACTS = "page.json"


def check_target(folder: Path, incoming: Manifest, *, replace: bool = False) -> None:
    """Refuse, before any work is done, a place where a page cannot or should not be written.

    replace: the page may take the place of one of another model.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the page.")
    if folder.is_dir() and any(folder.iterdir()) and not _facts(folder):
        raise InputError(f"{folder} is not empty and holds no page; give a new folder, or that of a page to replace.")
    for name in (name for name in _folders(folder) if name.startswith("model-")):
        writing.check_target(folder / name, incoming, replace=replace)


def page_sources() -> dict[str, Path]:
    """Where the page's own files come from, by their path in it: `page/`, and the JavaScript host in `vae/`."""
    page = [path for path in sorted((SOURCES / "page").iterdir()) if path.is_file()]
    host = sorted((SOURCES / "vae").rglob("*.js"))
    return {**{path.name: path for path in page}, **{path.relative_to(SOURCES).as_posix(): path for path in host}}


def page_files() -> dict[str, bytes]:
    """The page's own files by their path in it, as visitors get them."""
    return {name: served(path) for name, path in page_sources().items()}


def served(path: Path) -> bytes:
    """A file of the page, scripts without their comments."""
    content = path.read_bytes()
    return without_comments(content) if path.suffix == ".js" else content


def model_files(folder: Path, manifest: Manifest, precision: str) -> dict[str, bytes]:
    """The files of a model that one precision needs, each checked, and the manifest."""
    graphs = [graph.get(precision, graph["float32"]) for graph in manifest.graphs.values()]
    contents = {file.file: read_file(folder, file) for file in (*graphs, manifest.golden[precision].file)}
    return {FILE_NAME: manifests.read_bytes(folder, manifest), **contents}


def facts(manifest: Manifest, precision: str, model: Mapping[str, bytes], latents: Mapping[str, Any]) -> dict[str, Any]:
    """page.json without the engine: what the page loads, and what it knows of the latents."""
    first = [role for role in ("decoder", "prior_sample") if role in manifest.graphs]
    needed = {
        FILE_NAME,
        *(manifest.graphs[role].get(precision, manifest.graphs[role]["float32"]).file for role in first),
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        # Another model has another address: no browser takes it for one that it keeps.
        "model": f"model-{manifest.digest[:12]}-{precision}",
        "precision": precision,
        "digest": manifest.digest,
        "first": first,  # graphs that samples need; the others are fetched while the visitor looks at these
        "first_bytes": sum(len(content) for name, content in model.items() if name in needed),
        **latents,
    }


def write_page(folder: Path, page: Mapping[str, Any], model: Mapping[str, bytes], engine: Engine) -> dict[str, int]:
    """Write the page, or over an earlier one, where `check_target` has nothing against it; returns the bytes of each.

    A new folder appears whole or not at all. In an earlier page the new model and engine lie beside the old ones; the
    page's own files are replaced, each in one rename, page.json last, which names model and engine; then the old go.
    """
    wasm, place = engine.files[WASM], f"engine-{re.sub('[^0-9A-Za-z.]', '_', engine.version)}"
    described = {
        "version": engine.version,
        "module": f"{place}/{SERVED[MODULE]}",
        "wasm": {"file": f"{place}/{WASM}", "bytes": len(wasm), "sha256": hashlib.sha256(wasm).hexdigest()},
    }
    contents = {
        **{f"{place}/{SERVED.get(name, name)}": content for name, content in engine.files.items()},
        **{f"{page['model']}/{name}": content for name, content in model.items()},
        **page_files(),
        FACTS: json.dumps({**page, "engine": described}).encode(),
    }
    folder = Path(os.path.realpath(folder))  # a link stays a link
    if not folder.exists():
        with files.new_folder(folder) as temporary:
            files.write_files(temporary, contents)
    else:
        with held_alone(folder):
            old = _folders(folder)
            files.write_files(folder, contents)
            for name in old - {place, page["model"]}:
                _remove(folder / name)
    return {name: len(content) for name, content in contents.items()}


def _remove(folder: Path) -> None:
    """Remove a model's or an engine's files, and the folder if nobody else has put anything there."""
    names = {*SERVED.values(), WASM} if folder.name.startswith("engine-") else {*owned(folder), FILE_NAME}
    with contextlib.suppress(OSError):
        files.sweep(folder, names)
        for name in names:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _facts(folder: Path) -> dict[str, Any]:
    """page.json of an earlier page; nothing where there is none."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("format") == FORMAT:
            return content
    return {}


def _folders(folder: Path) -> set[str]:
    """The folders that an earlier page names for its model and its engine, and no others."""
    page = _facts(folder)
    named = {str(page.get("model")), str(dict(page.get("engine") or {}).get("module")).partition("/")[0]}
    return {name for name in named if re.fullmatch(r"(model|engine)-[0-9A-Za-z._-]+", name)}
