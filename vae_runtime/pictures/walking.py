"""The pictures of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .reading import SUFFIXES


def pictures_in(folder: Path) -> list[Path]:
    """Picture files under a folder, recursively, sorted by path; without hidden ones, links to folders not followed."""
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                path = Path(parent, name)
                if path.is_file():
                    yield path
