"""What a verb must not write over: what it reads, and files that others wrote. Asked before anything is written."""

from __future__ import annotations

import functools
import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import InputError
from ..files import check_output
from ..marks import is_marked

Identity = tuple[int, int]


def claim(
    places: Iterable[Path],
    inputs: Iterable[str] = (),
    *,
    folders: Iterable[Path] = (),
    errors: str | None = None,
    overwrite: bool,
) -> None:
    """Refuse to write results to `places`, and a list of `errors`, where something would be lost.

    That are inputs, by whatever name or link; their folders, whose pictures the next run would read; and, without
    `overwrite`, files that nothing shows to be ours. An empty file holds nothing to lose.
    """
    if errors is not None:
        check_output(errors)
        places = itertools.chain([Path(errors)], _but(errors, places))
    places = _outside(_spared(places, inputs), folders)
    others, first = 0, None
    for place in places:
        if not overwrite and _is_others(place):
            others, first = others + 1, first or place
    if others == 1:
        raise InputError(
            f"{first} is there already, and nothing shows that it is the result of an earlier run; write elsewhere, or "
            "replace it with --overwrite."
        )
    if others:
        raise InputError(
            f"{others:,} files such as {first} are there already, and nothing shows that they are results of an "
            "earlier run; write elsewhere, or replace them with --overwrite."
        )


def has_content(path: Path) -> bool:
    """Whether there is a file, and not an empty one, which a power cut may leave of one of many results."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _but(errors: str, places: Iterable[Path]) -> Iterator[Path]:
    """The places, of which none may be the list of errors."""
    real = _resolver()
    taken = real(Path(errors))
    for place in places:
        if real(place) == taken:
            raise InputError(f"{errors} is given for the results and for --errors; choose another name for one.")
        yield place


def _outside(places: Iterable[Path], folders: Iterable[Path]) -> Iterator[Path]:
    """The places, none a picture inside a folder that is read: its next run would take them for inputs."""
    from ..pictures.walking import is_read

    real = _resolver()
    roots = [(folder, Path(os.path.realpath(folder))) for folder in folders]
    for place in places:
        for folder, root in roots:
            if root in real(place).parents and is_read(real(place).relative_to(root)):
                raise InputError(f"{place} would be one of the pictures of {folder} the next time; write elsewhere.")
        yield place


def _spared(places: Iterable[Path], inputs: Iterable[str]) -> Iterator[Path]:
    """The places, none where an input lies."""
    known = {_identity(path) for path in inputs if path != "-"} - {None}
    if _of_stdout() in known:
        raise InputError("standard output goes to one of the inputs; send it elsewhere.")
    for place in places:
        if _identity(place) in known:
            raise InputError(f"{place} is one of the inputs, and would be overwritten; write elsewhere.")
        yield place


def _resolver() -> Callable[[Path], Path]:
    """What takes links out of paths, and asks for each folder once; thousands of results share one."""
    folder = functools.cache(os.path.realpath)
    return lambda place: Path(os.path.realpath(place)) if place.is_symlink() else Path(folder(place.parent), place.name)


def _identity(path: str | Path) -> Identity | None:
    """What file it is, by whatever name or link; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _of_stdout() -> Identity | None:
    """The file that standard output goes to; None where it is closed, or no file."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _is_others(place: Path) -> bool:
    """Whether there is a file with content and no mark of ours; one that cannot be read is not known to be ours."""
    try:
        status = os.stat(place)
    except (FileNotFoundError, NotADirectoryError):  # the second is said when folders are made
        return False
    except OSError as error:
        raise InputError(f"{place} cannot be written ({error.strerror}).") from None
    if not stat.S_ISREG(status.st_mode) or not status.st_size:  # a device or a pipe is written to as it is
        return False
    try:
        return not is_marked(place)
    except OSError:
        return True
