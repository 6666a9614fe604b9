"""Where results go: a file, one file an image, or standard output.

A file by itself is on the disk when it is said to be written; files of a folder of results, or of a numbered pattern,
appear whole and are left to the system to bring to the disk (`files.py`). Kinds that can hold one get a mark, by which
the next run knows that it may replace them (`marks.py`).
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ..errors import InputError
from ..files import check_output, new_file, write_file
from ..marks import mark
from ..printable import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

_PATTERN = re.compile(r"%0?\d*d")


def check(output: str, *, besides: tuple[str, ...] = ()) -> None:
    """Refuse a bad -o for pictures before the model is loaded; `besides` pictures it may have these suffixes."""
    from ..pictures.writing import picture_format

    _check_place(output)
    if output != "-" and not is_folder(output) and not output.lower().endswith(besides):
        picture_format(output)


def _check_place(output: str) -> None:
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
    _check_place(output)
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
    from ..pictures.writing import encode_image, picture_format

    form = "PNG" if output == "-" else picture_format(output)
    write_bytes(output, encode_image(image_grid(images, columns=columns), format=form, text=text))


def targets(output: str, count: int, *, first: int = 0, step: int = 1) -> Iterator[Path]:
    """The files that -o asks for where `count` images are written, numbered from `first` in steps."""
    if is_many(output):
        yield from (_numbered(output, first + index * step) for index in range(count))
    elif output != "-":
        yield Path(output)


def _numbered(output: str, index: int) -> Path:
    """The index-th file of a folder, or of a name such as img-%04d.png."""
    path = Path(output) if _PATTERN.search(Path(output).name) else Path(output) / "%06d.png"
    return path.with_name(_PATTERN.sub(lambda match: match.group() % index, path.name, count=1))


def write_each(
    output: str,
    images: Iterable[npt.NDArray[np.float32]],
    *,
    first: int = 0,
    step: int = 1,
    text: Callable[[int], Mapping[str, str]] | None = None,
) -> None:
    """One file an image, numbered from `first` in steps."""
    if not _PATTERN.search(Path(output).name):
        Path(output).mkdir(parents=True, exist_ok=True)
    for index, image in zip(itertools.count(first, step), images):
        _write_one_of_many(_numbered(output, index), image, text=text(index) if text else None)


def write_at(path: Path, image: npt.NDArray[np.float32]) -> None:
    """One image of many, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_one_of_many(path, image)


def _write_one_of_many(path: Path, image: npt.NDArray[np.float32], *, text: Mapping[str, str] | None = None) -> None:
    from ..pictures.writing import encode_image, picture_format

    write_file(path, mark(encode_image(image, format=picture_format(path), text=text)), synced=False)


def write_picture(path: Path, picture: Image.Image) -> None:
    """A Pillow image of many as PNG, and the folders above it."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_bytes_at(path, buffer.getvalue())


def write_bytes_at(path: Path, content: bytes) -> None:
    """A whole file of many, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, mark(content), synced=False)


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
    content = mark(content)
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
    click.echo(printable(message), err=True)


def show(line: str) -> None:
    """One line for people on stdout, whatever the names in it are made of."""
    click.echo(printable(line))
