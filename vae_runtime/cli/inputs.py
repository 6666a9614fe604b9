"""Picture arguments: files, folders, standard input; what cannot be read is said and left out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..errors import InputError
from ..files import write_file
from . import outputs
from .outputs import say
from .progress import progress
from .unlike import Unlike

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..model.manifest import Manifest
    from ..pictures.decoded import Picture
    from ..pictures.tiling import Place

    Windows = tuple[npt.NDArray[np.float32], list[Place]]

BATCH = 64  # pictures in memory, beside those that are decoded ahead


class _Read(NamedTuple):
    """A picture as the model takes it, and what it was."""

    pixels: npt.NDArray[np.uint8]
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
    ) -> None:
        from ..pictures.likeness import KnownSizes

        self._spec, self._errors, self._unlike = manifest.image, errors, Unlike(manifest, built_in=built_in)
        self._known = KnownSizes.of(manifest.training)
        arguments = tuple(arguments)
        self._folders = [Path(argument) for argument in arguments if Path(argument).is_dir()]
        self._paths, self._failures = expand(arguments)
        if shard != (1, 1):
            self._paths = self._paths[shard[0] - 1 :: shard[1]]
        self.done = self._skipped = 0

    def skip_existing(self, places: Mapping[str, Path]) -> None:
        """Leave out what has its file in `places` already, and not an empty one; say how many."""
        left = [path for path in self._paths if not _has_content(places[path])]
        self._paths, self._skipped = left, len(self._paths) - len(left)
        if self._skipped:
            say(f"Left out {self._skipped} that are there already.")

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

    def tiled(self) -> Iterator[tuple[str, Picture, Iterator[Windows]]]:
        """Each path with its picture, open until the next one is asked for, and its windows, cut where they are read.

        One picture at a time: they may be large, and their windows take longer to compute on than to decode.
        """
        from ..pictures.likeness import unlikeness
        from ..pictures.pixels import from_uint8
        from ..pictures.reading import open_picture
        from ..pictures.tiling import cut

        with progress(len(self._paths), "pictures") as done:
            for path in self._paths:
                done(1)
                try:
                    with open_picture(standard_input() if path == "-" else path) as picture:
                        self._unlike.say_model()
                        self._unlike.note(unlikeness(picture, self._spec, windows=True), picture.size)
                        self.done += 1
                        yield path, picture, ((from_uint8(part), places) for part, places in cut(picture, self._spec))
                except InputError as error:
                    self._failures.append(str(error))
        self._report()

    def all(self) -> tuple[list[str], npt.NDArray[np.float32]]:
        """All of them at once, for what is one picture in the end."""
        import numpy as np

        batches = list(self.batches())
        if not batches:
            raise InputError("there is no picture in this part.")
        return [name for names, _ in batches for name in names], np.concatenate([images for _, images in batches])

    def spare(self, output: str) -> None:
        """Refuse an -o that would overwrite one of these pictures."""
        outputs.spare(self._paths, outputs.targets(output, len(self._paths)))

    def mirrored(self, folder: str, suffix: str = ".png") -> dict[str, Path]:
        """For each input the file of the same relative path under `folder`, with this suffix added if it has not."""
        places: dict[str, Path] = {}
        for path in self._paths:
            inside = next((Path(path).relative_to(root) for root in self._folders if root in Path(path).parents), None)
            name = inside or Path("stdin" if path == "-" else Path(path).name)
            places[path] = Path(folder) / name.with_name(
                name.name if name.suffix.lower() == suffix else f"{name.name}{suffix}"
            )
        if len(set(places.values())) < len(set(places)):
            taken = Counter(places.values()).most_common(1)[0][0]
            raise InputError(f"two inputs would both be written to {taken}; give the folder that they share.")
        outputs.spare(self._paths, places.values())
        return places

    def finish(self) -> None:
        """Exit with 1 if some inputs failed; the last thing a verb does."""
        if self._failures:
            say(f"vae: {self.done} done, {len(self._failures)} failed.")
            sys.exit(1)

    def _read(self, path: str) -> _Read | InputError:
        from ..pictures.fitting import fit_picture
        from ..pictures.likeness import unlikeness
        from ..pictures.reading import open_picture

        try:
            with open_picture(standard_input() if path == "-" else path) as picture:
                apart = unlikeness(picture, self._spec, known=self._known)
                return _Read(fit_picture(picture, self._spec), apart, picture.size)
        except InputError as error:
            return error

    def _report(self) -> None:
        failures = self._failures
        if self._errors and failures:
            write_file(self._errors, "".join(f"{line}\n" for line in failures).encode("utf-8", "surrogateescape"))
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
    from ..pictures.reading import open_picture

    images, unlike = [], Unlike(manifest, built_in=built_in)
    for argument in arguments:
        if Path(argument).is_dir():
            raise InputError(f"{argument} is a folder; expected one picture.")
        known = KnownSizes.of(manifest.training)
        with open_picture(standard_input() if argument == "-" else argument) as picture:
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


def _has_content(path: Path) -> bool:
    """An empty file is what a power cut may leave of one of many results."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
