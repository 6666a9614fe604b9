"""The pictures of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .reading import SUFFIXES


def pictures_in(folder: Path) -> list[Path]:
    """Picture files under a folder, recursively, sorted by path; without hidden ones, links to folders not followed."""
    return sorted(_walk(folder))


def is_read(path: Path) -> bool:
    """Whether a file of this path, relative to a folder, is one of its pictures by its names."""
    return not any(part.startswith(".") for part in path.parts) and path.name.lower().endswith(SUFFIXES)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if is_read(Path(name)) and (path := Path(parent, name)).is_file():
                yield path
