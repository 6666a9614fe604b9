"""Where results go: a file, one file an image, or standard output.

A file by itself is on the disk when it is said to be written; files of a folder of results, or of a numbered pattern,
appear whole and are left to the system to bring to the disk (`files.py`).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ..errors import InputError
from ..files import check_output, new_file, write_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

_PATTERN = re.compile(r"%0?\d*d")


def check(output: str) -> None:
    """Refuse a bad -o before the model is loaded."""
    if not output:
        raise InputError("-o is empty; give the name of a file or folder to write.")
    if output == "-":
        require_stdout("give -o FILE")
        if sys.stdout.isatty():
            raise InputError("binary output does not go to a terminal; give -o FILE, or pipe it on.")
    elif not is_many(output):
        check_output(output)
    elif "%" in Path(output).name:
        check_output(Path(output).parent / "x")


def require_stdout(advice: str) -> None:
    """Refuse, before any work is done, results that would go nowhere."""
    if sys.stdout is None:  # the caller closed it
        raise InputError(f"standard output is closed; {advice}.")


def check_one(output: str) -> None:
    """The same for a verb that writes one file, whatever it holds."""
    if output.endswith(("/", os.sep)):
        raise InputError(f"{output} is a directory; give the name of a file to write.")
    check(output)
    if output != "-":
        check_output(output)


def is_many(output: str) -> bool:
    """Whether -o asks for one file an image: a folder (existing, or with a slash at its end) or img-%04d.png."""
    return bool(_PATTERN.search(Path(output).name)) or is_folder(output)


def is_folder(output: str) -> bool:
    """Whether -o asks for a folder."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def write_grid(
    output: str,
    images: npt.NDArray[np.float32],
    *,
    columns: int | None = None,
    text: Mapping[str, str] | None = None,
) -> None:
    """All images as one picture."""
    from ..pictures.grids import image_grid
    from ..pictures.writing import encode_image, write_image

    grid = image_grid(images, columns=columns)
    if output == "-":
        write_bytes(output, encode_image(grid, text=text))
    else:
        write_image(output, grid, text=text)


def spare(inputs: Iterable[str], places: Iterable[Path]) -> None:
    """Refuse, before anything is read, to write where an input lies: it would be gone."""
    known = {_identity(path) for path in inputs if path != "-"} - {None}
    for place in places:
        if _identity(place) in known:
            raise InputError(f"{place} is one of the inputs, and would be overwritten; write elsewhere.")


def targets(output: str, count: int) -> Iterator[Path]:
    """The files that -o asks for where `count` images are written."""
    if is_many(output):
        yield from (_numbered(output, index) for index in range(count))
    elif output != "-":
        yield Path(output)


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What file it is, by whatever name or link; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _numbered(output: str, index: int) -> Path:
    """The index-th file of a folder, or of a name such as img-%04d.png."""
    path = Path(output) if _PATTERN.search(Path(output).name) else Path(output) / "%06d.png"
    return path.with_name(_PATTERN.sub(lambda match: match.group() % index, path.name, count=1))


def write_each(
    output: str,
    images: Iterable[npt.NDArray[np.float32]],
    *,
    first: int = 0,
    text: Callable[[int], Mapping[str, str]] | None = None,
) -> None:
    """One file an image, numbered from `first`."""
    if not _PATTERN.search(Path(output).name):
        Path(output).mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images, start=first):
        _write_one_of_many(_numbered(output, index), image, text=text(index) if text else None)


def write_at(path: Path, image: npt.NDArray[np.float32]) -> None:
    """One image of many, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_one_of_many(path, image)


def _write_one_of_many(path: Path, image: npt.NDArray[np.float32], *, text: Mapping[str, str] | None = None) -> None:
    from ..pictures.writing import encode_image, picture_format

    write_file(path, encode_image(image, format=picture_format(path), text=text), synced=False)


def write_rows_at(path: Path, size: tuple[int, int], parts: Iterable[Image.Image]) -> None:
    """A PNG of many, its rows as they come, and the folders above it."""
    from ..pictures.png import write_png

    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, synced=False) as file:
        write_png(file, size, parts)


def write_bytes_at(path: Path, content: bytes) -> None:
    """A whole file of many, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content, synced=False)


def is_array(output: str) -> bool:
    """Whether -o asks for numbers instead of pictures."""
    return output.endswith(".npy")


def write_array(output: str, shape: tuple[int, ...], parts: Iterable[npt.NDArray[np.float32]]) -> None:
    """Parts of a float32 array of this shape as one .npy file, none of them kept in memory."""
    import numpy as np

    with new_file(output) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for part in parts:
            file.write(np.ascontiguousarray(part, "<f4").data)


@contextlib.contextmanager
def stream(output: str) -> Iterator[BinaryIO]:
    """A file to write into piece by piece, or standard output."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with new_file(output) as file:
            yield file


def write_bytes(output: str, content: bytes) -> None:
    """A whole file, or standard output."""
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_file(output, content)


def wrote(output: str, what: str) -> None:
    """Say on stderr what is where."""
    if output != "-":
        say(f"Wrote {what} to {output}")


def say(message: str) -> None:
    """One line on stderr, whatever the names in it are made of."""
    click.echo("".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in message), err=True)


def lines(columns: list[str], rows: list[list[Any]], form: str, *, first: bool) -> str:
    """Rows as text, by "jsonl" or "csv"; the names of the columns lead the first csv rows."""
    if form == "jsonl":
        return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([columns, *rows] if first else rows)
    return buffer.getvalue()
