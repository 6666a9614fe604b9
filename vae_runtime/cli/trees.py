"""The tree of results that mirrors a tree of inputs, and one file of it after another."""

from __future__ import annotations

import contextlib
import os
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import new_file, write_file
from ..marks import MarkedPNG, mark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

NAME_BYTES = 255  # of a file's name, on nearly every file system


def mirrored(paths: Sequence[str], folders: Sequence[Path], target: str, suffix: str) -> dict[str, Path]:
    """For each input the file of the same relative path under `target`, with this suffix added if it has not."""
    places: dict[str, Path] = {}
    for path in paths:
        inside = next((Path(path).relative_to(root) for root in folders if root in Path(path).parents), None)
        name = inside or Path("stdin" if path == "-" else Path(path).name)
        name = name.with_name(name.name if name.suffix.lower() == suffix else f"{name.name}{suffix}")
        if len(os.fsencode(name.name)) > NAME_BYTES:
            raise InputError(f"{path} would become {name.name}, a name of more than {NAME_BYTES} bytes; rename it.")
        places[path] = Path(target) / name
    _require_distinct(places.values(), Path(target))
    return places


def _require_distinct(places: Collection[Path], target: Path) -> None:
    """That no two inputs have one output; where the file system takes a for A, none that differ in such alone."""
    alike = _first_twice(places, key=str)
    if alike is None and (twins := _first_twice(places, key=_folded)) and _ignores_case(target):
        alike = twins
    if alike is not None:
        raise InputError(f"two inputs would both be written to {alike}; give the folder that they share.")


def _first_twice(places: Iterable[Path], *, key: Callable[[Path], str]) -> Path | None:
    seen: set[str] = set()
    for place in places:
        if (name := key(place)) in seen:
            return place
        seen.add(name)
    return None


def _folded(place: Path) -> str:
    return unicodedata.normalize("NFD", str(place).casefold())


def _ignores_case(folder: Path) -> bool:
    """Whether this folder, or the one that it will be made in, takes a for A; asked by a file that is gone at once."""
    folder = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    probe = folder / f".a.{secrets.token_hex(4)}.tmp"
    try:
        probe.touch(exist_ok=False)
        return probe.with_name(probe.name.upper()).exists()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def write_bytes_below(path: Path, content: bytes) -> None:
    """A file of many, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, mark(content), synced=False)


def write_image_below(path: Path, image: npt.NDArray[np.float32], *, text: Mapping[str, str] | None = None) -> None:
    """The same of an image, in the format that the suffix says."""
    from ..pictures.writing import encode_image, picture_format

    write_bytes_below(path, encode_image(image, format=picture_format(path), text=text))


def write_rows_below(path: Path, size: tuple[int, int], parts: Iterable[Image.Image]) -> None:
    """The same of a PNG of this width and height, its rows as they come."""
    from ..pictures.png import write_png

    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, synced=False) as file:
        marked = MarkedPNG(file)
        write_png(marked, size, parts, before_end=marked.mark)
