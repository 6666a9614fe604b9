"""Picture arguments: files, folders, standard input; what cannot be read is said and left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..errors import InputError
from ..files import write_file
from ..printable import printable
from . import outputs
from .keeping import claim, has_content
from .mirroring import mirrored
from .outputs import say
from .progress import progress
from .unlike import Unlike

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..model.manifest import Manifest
    from ..pictures.tiling import Place

BATCH = 64  # pictures in memory, beside those that are decoded ahead


class _Read(NamedTuple):
    """A picture as the model takes it, or as windows at `places`, and what it was."""

    pixels: npt.NDArray[np.uint8]
    places: list[Place]
    kinds: tuple[str, ...]
    size: tuple[int, int]  # width, height


class Pictures:
    """The pictures of a verb's arguments, read few at a time while those before are computed on.

    One that fails is a line on stderr (and in `errors`, a file), and does not stop the rest; all failing is an
    InputError. shard: (i, n), every n-th picture from the i-th on, counted from 1. built_in: nobody named the model, so
    that it is said. What sets the pictures apart from those that it takes is said at the end.
    """

    def __init__(
        self,
        arguments: Iterable[str],
        manifest: Manifest,
        *,
        built_in: bool = False,
        shard: tuple[int, int] = (1, 1),
        errors: str | None = None,
        overwrite: bool = False,
    ) -> None:
        from ..pictures.likeness import KnownSizes

        self._overwrite, self._shard = overwrite, shard
        self._spec, self._errors, self._unlike = manifest.image, errors, Unlike(manifest, built_in=built_in)
        self._known = KnownSizes.of(manifest.training)
        arguments = tuple(arguments)
        self._folders = [Path(argument) for argument in arguments if Path(argument).is_dir()]
        self._every, self._failures = expand(arguments)
        self._paths = self._every[shard[0] - 1 :: shard[1]]
        self.done = self._skipped = 0
        self._claim([])

    def claim_file(self, output: str) -> None:
        """Refuse an -o for one file where it must not be written."""
        self._claim([Path(output)] if output != "-" else [])

    def claim(self, output: str) -> None:
        """The same of an -o for pictures that is one file or numbered ones."""
        first, step = self._shard
        self._claim(outputs.targets(output, len(self._paths), first=first - 1, step=step))

    def claim_mirrored(self, folder: str, suffix: str = ".png", *, skip_existing: bool = False) -> dict[str, Path]:
        """For each input the file of the same relative path under `folder`, with this suffix added if it has not.

        skip_existing: leave out what has its file already, and not an empty one, and say how many.
        """
        places = mirrored(self._every, self._folders, folder, suffix)
        if skip_existing:
            left = [path for path in self._paths if not has_content(places[path])]
            self._paths, self._skipped = left, len(self._paths) - len(left)
        self._claim([places[path] for path in self._paths])
        if self._skipped:
            say(f"Left out {self._skipped} that are there already.")
        return places

    def write_each(self, output: str, images: npt.NDArray[np.float32]) -> None:
        """Images of the last batch as one numbered file each; shards take turns, so that no two share a number."""
        first, step = self._shard
        outputs.write_each(output, images, first=first - 1 + (self.done - len(images)) * step, step=step)

    def batches(self) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
        """Paths and images of up to 64 pictures, in order."""
        import numpy as np

        from ..pictures.ahead import ahead
        from ..pictures.pixels import from_uint8

        names: list[str] = []
        pixels: list[npt.NDArray[np.uint8]] = []
        with progress(len(self._paths), "pictures") as done:
            for path, found in zip(self._paths, ahead(self._read, self._paths), strict=True):
                done(1)
                if isinstance(found, InputError):
                    self._failures.append(str(found))
                    continue
                self._unlike.say_model()
                self._unlike.note(found.kinds, found.size)
                names.append(path)
                pixels.append(found.pixels)
                if len(names) == BATCH:
                    self.done += BATCH
                    yield names, from_uint8(np.stack(pixels))
                    names, pixels = [], []
        if names:
            self.done += len(names)
            yield names, from_uint8(np.stack(pixels))
        self._report()

    def tiled(self) -> Iterator[tuple[str, npt.NDArray[np.float32], list[tuple[int, int]]]]:
        """Each path with the windows of its picture at its own resolution, and where they lie."""
        from ..pictures.ahead import ahead
        from ..pictures.pixels import from_uint8

        with progress(len(self._paths), "pictures") as done:
            for path, found in zip(self._paths, ahead(self._cut, self._paths, waiting=8), strict=True):
                done(1)
                if isinstance(found, InputError):
                    self._failures.append(str(found))
                    continue
                self._unlike.say_model()
                self._unlike.note(found.kinds, found.size)
                self.done += 1
                yield path, from_uint8(found.pixels), found.places
        self._report()

    def all(self) -> tuple[list[str], npt.NDArray[np.float32]]:
        """All of them at once, for what is one picture in the end."""
        import numpy as np

        batches = list(self.batches())
        if not batches:
            raise InputError("there is no picture in this part.")
        return [name for names, _ in batches for name in names], np.concatenate([images for _, images in batches])

    def finish(self) -> None:
        """Exit with 1 if some inputs failed; the last thing a verb does."""
        if self._failures:
            say(f"vae: {self.done} done, {len(self._failures)} failed.")
            sys.exit(1)

    def _claim(self, places: Iterable[Path]) -> None:
        claim(places, self._every, folders=self._folders, errors=self._errors, overwrite=self._overwrite)

    def _read(self, path: str) -> _Read | InputError:
        from ..pictures.fitting import fit_picture
        from ..pictures.likeness import unlikeness
        from ..pictures.reading import read_picture

        try:
            picture = read_picture(standard_input() if path == "-" else path)
            apart = unlikeness(picture, self._spec, known=self._known)
            return _Read(fit_picture(picture, self._spec), [], apart, picture.size)
        except InputError as error:
            return error

    def _cut(self, path: str) -> _Read | InputError:
        from ..pictures.likeness import unlikeness
        from ..pictures.reading import read_picture
        from ..pictures.tiling import cut

        try:
            picture = read_picture(standard_input() if path == "-" else path)
            return _Read(*cut(picture, self._spec), unlikeness(picture, self._spec, windows=True), picture.size)
        except InputError as error:
            return error

    def _report(self) -> None:
        failures = self._failures
        if self._errors and (failures or Path(self._errors).exists()):  # what an earlier run noted is no more so
            write_file(self._errors, "".join(f"{printable(line)}\n" for line in failures).encode())
        if failures and not self.done and not self._skipped:
            raise InputError(
                failures[0] if len(failures) == 1 else f"none of the {len(failures)} inputs can be read: {failures[0]}"
            )
        for message in failures:
            say(f"vae: skipped: {message}")
        self._unlike.say(self.done)


def read_each(arguments: Iterable[str], manifest: Manifest, *, built_in: bool) -> list[npt.NDArray[np.float32]]:
    """Read arguments that are one picture each: [1, channels, height, width]."""
    from ..pictures.fitting import fit_picture
    from ..pictures.likeness import KnownSizes, unlikeness
    from ..pictures.pixels import from_uint8
    from ..pictures.reading import read_picture

    images, unlike = [], Unlike(manifest, built_in=built_in)
    for argument in arguments:
        if Path(argument).is_dir():
            raise InputError(f"{argument} is a folder; expected one picture.")
        picture = read_picture(standard_input() if argument == "-" else argument)
        known = KnownSizes.of(manifest.training)
        unlike.note(unlikeness(picture, manifest.image, known=known), picture.size)
        images.append(from_uint8(fit_picture(picture, manifest.image)[None]))
    unlike.say_model()
    unlike.say(len(images))
    return images


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
