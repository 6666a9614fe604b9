"""Picture arguments: files, folders, standard input; what cannot be read is said and left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from ..errors import InputError
from .outputs import say

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..spec import ImageSpec


class Pictures(NamedTuple):
    """What was read: names and images in the same order, and how many inputs failed."""

    names: list[str]
    images: npt.NDArray[np.float32]
    failed: int

    def finish(self) -> None:
        """Exit with 1 if some inputs failed; the last thing a verb does."""
        if self.failed:
            say(f"vae: {len(self.names)} done, {self.failed} failed.")
            sys.exit(1)


def read_pictures(arguments: Iterable[str], spec: ImageSpec) -> Pictures:
    """Read every picture of the arguments; one that fails is a line on stderr, all failing is an InputError."""
    import numpy as np

    from ..pictures.fitting import fit_picture
    from ..pictures.pixels import from_uint8
    from ..pictures.reading import read_picture

    names, pixels = [], []
    paths, errors = expand(arguments)
    with click.progressbar(paths, label="reading", file=sys.stderr, hidden=not _wants_progress(len(paths))) as progress:
        for path in progress:
            try:
                source = standard_input() if path == "-" else path
                pixels.append(fit_picture(read_picture(source), spec))
                names.append(path)
            except InputError as error:
                errors.append(str(error))
    if not names:
        raise InputError(
            errors[0] if len(errors) == 1 else f"none of the {len(errors)} inputs can be read: {errors[0]}"
        )
    for message in errors:
        say(f"vae: skipped: {message}")
    return Pictures(names, from_uint8(np.stack(pixels)), len(errors))


def read_one(argument: str, spec: ImageSpec) -> npt.NDArray[np.float32]:
    """Read the one picture of an argument: [1, channels, height, width]."""
    from ..pictures.reading import read_images

    if Path(argument).is_dir():
        raise InputError(f"{argument} is a folder; expected one picture.")
    return read_images(standard_input() if argument == "-" else argument, spec)


def standard_input() -> BinaryIO:
    """The bytes that come in."""
    if sys.stdin is None:  # the caller closed it
        raise InputError("standard input is closed; give a file, or pipe something in.")
    return sys.stdin.buffer


def expand(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Files as they are; a folder becomes the pictures in it, recursively, sorted by path, hidden ones left out.

    Returns paths, and a sentence for each argument that stands for none.
    """
    from ..pictures.reading import SUFFIXES

    paths: list[str] = []
    errors: list[str] = []
    for argument in arguments:
        if not argument:
            errors.append("an input is empty; expected the path of a picture or folder.")
            continue
        folder = Path(argument)
        if argument == "-" or not folder.is_dir():
            paths.append(argument)
            continue
        inside = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in SUFFIXES
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and path.is_file()
        )
        if not inside:
            errors.append(f"the folder {argument} holds no picture ({', '.join(SUFFIXES)}).")
        paths += map(str, inside)
    return paths, errors


def _wants_progress(count: int) -> bool:
    return count > 50 and sys.stderr.isatty()
