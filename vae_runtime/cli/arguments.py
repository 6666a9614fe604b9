"""Arguments that name pictures: files, folders, standard input; what a folder stands for, and one picture each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from .standard_input import STDIN, picture_source
from .unlike import Unlike

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..model.manifest import Manifest
    from ..pictures.likeness import KnownSizes
    from ..spec import ImageSpec


class Fitted(NamedTuple):
    """A picture as the model takes it, what set it apart from those that it was trained on, and its size."""

    pixels: npt.NDArray[np.uint8]  # [channels, height, width]
    kinds: tuple[str, ...]
    size: tuple[int, int]  # width, height


def read_fitted(path: str, spec: ImageSpec, known: KnownSizes | None) -> Fitted:
    """Read one picture, or the one on standard input for -; an InputError where there is none."""
    from ..pictures.fitting import fit_picture
    from ..pictures.likeness import unlikeness
    from ..pictures.reading import open_picture

    with open_picture(picture_source(path), unnamed=STDIN) as picture:
        return Fitted(fit_picture(picture, spec), unlikeness(picture, spec, known=known), picture.size)


def read_each(arguments: Iterable[str], manifest: Manifest, *, built_in: bool) -> list[npt.NDArray[np.float32]]:
    """Read arguments that are one picture each: [1, channels, height, width]."""
    from ..pictures.likeness import KnownSizes
    from ..pictures.pixels import from_uint8

    known, unlike = KnownSizes.of(manifest.training), Unlike(manifest, built_in=built_in)
    images = []
    for argument in arguments:
        if Path(argument).is_dir():
            raise InputError(f"{argument} is a folder; expected one picture.")
        fitted = read_fitted(argument, manifest.image, known)
        unlike.note(fitted.kinds, fitted.size)
        images.append(from_uint8(fitted.pixels[None]))
    unlike.say_model()
    unlike.say(len(images))
    return images


def expand(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Files as they are; a folder becomes the pictures in it, recursively, sorted by path, hidden ones left out.

    Returns paths, and a sentence for each argument that stands for none.
    """
    from ..pictures.reading import SUFFIXES
    from ..pictures.walking import pictures_in

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
        inside = pictures_in(folder)
        if not inside:
            errors.append(f"the folder {argument} holds no picture ({', '.join(SUFFIXES)}).")
        paths += map(str, inside)
    return paths, errors
