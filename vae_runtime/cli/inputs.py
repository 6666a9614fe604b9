"""The pictures that a verb works through; what cannot be read is said and left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..console import say
from ..errors import InputError
from ..files import write_file
from ..marks import mark_list
from ..printable import printable
from ..progress import Progress, progress
from .arguments import Fitted, expand, read_fitted
from .keeping import claim, has_content
from .standard_input import STDIN, picture_source
from .trees import mirrored
from .unlike import Unlike

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..pictures.decoded import Picture
    from ..vae import VAE
    from .options import Many
    from .outputs import Output

BATCH = 64  # pictures in memory, beside those that are decoded ahead
SOME_FAILED = 1  # exit code


class Batch(NamedTuple):
    """Pictures that were read: their paths, and images float32 [batch, channels, height, width]."""

    paths: list[str]
    images: npt.NDArray[np.float32]


class Inputs:
    """The pictures of a verb's arguments, read few at a time while those before are computed on.

    One that fails is a line on stderr (and in `many.errors`, a file), and does not stop the rest; all failing is an
    InputError. built_in: nobody named the model, so that it is said. What sets the pictures apart from those that the
    model takes is said at the end.
    """

    def __init__(self, arguments: Iterable[str], vae: VAE, many: Many, *, built_in: bool = False) -> None:
        from ..pictures.likeness import KnownSizes

        arguments = tuple(arguments)
        self._many, self._spec = many, vae.manifest.image
        self._unlike = Unlike(vae.manifest, built_in=built_in)
        self._known = KnownSizes.of(vae.manifest.training)
        self._folders = [Path(argument) for argument in arguments if Path(argument).is_dir()]
        self._every, self._failures = expand(arguments)
        self._paths = self._every[many.shard[0] - 1 :: many.shard[1]]
        self.done = self._skipped = 0
        self._claim([])

    def claim(self, output: Output) -> None:
        """Refuse an -o that is one file, or numbered ones, where it must not be written."""
        first, step = self._many.shard
        self._claim(output.targets(len(self._paths), first=first - 1, step=step))

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

    def write_each(self, output: Output, images: npt.NDArray[np.float32]) -> None:
        """Images of the last batch as one numbered file each; shards take turns, so that no two share a number."""
        first, step = self._many.shard
        output.write_each(images, first=first - 1 + (self.done - len(images)) * step, step=step)

    @property
    def count(self) -> int:
        """How many pictures there are to read."""
        return len(self._paths)

    def target(self, output: Output) -> Path:
        """The numbered file of the last picture; shards take turns, as of `write_each`."""
        first, step = self._many.shard
        return next(output.targets(1, first=first - 1 + (self.done - 1) * step))

    def batches(self) -> Iterator[Batch]:
        """Up to 64 pictures at a time, in order."""
        names: list[str] = []
        pixels: list[npt.NDArray[np.uint8]] = []
        with progress(len(self._paths), "pictures") as line:
            for path, fitted in self._read_ahead(line):
                names.append(path)
                pixels.append(fitted.pixels)
                if len(names) == BATCH:
                    yield self._batch(names, pixels)
                    names, pixels = [], []
            if names:
                yield self._batch(names, pixels)
        self._report()

    def opened(self) -> Iterator[tuple[str, Picture]]:
        """Each path with its picture, open until the next one is asked for: for large ones, which take long."""
        from ..pictures.likeness import unlikeness
        from ..pictures.reading import open_picture

        with progress(len(self._paths), "pictures") as line:
            for path in self._paths:
                try:
                    with open_picture(picture_source(path), unnamed=STDIN) as picture:
                        self._unlike.say_model()
                        self._unlike.note(unlikeness(picture, self._spec, windows=True), picture.size)
                        self.done += 1
                        yield path, picture
                except InputError as error:
                    self._failures.append(str(error))
                line.add()
        self._report()

    def all(self) -> Batch:
        """All of them at once, for what is one picture in the end."""
        import numpy as np

        batches = list(self.batches())
        if not batches:
            raise InputError("there is no picture in this part.")
        return Batch([path for batch in batches for path in batch.paths], np.concatenate([b.images for b in batches]))

    def finish(self, code: int = 0) -> None:
        """The last thing a verb does: say how many failed, and exit with `code`, or with 1 where some did."""
        if self._failures:
            say(f"vae: {self.done} done, {len(self._failures)} failed.")
            code = code or SOME_FAILED
        if code:
            sys.exit(code)

    def _claim(self, places: Iterable[Path]) -> None:
        errors, overwrite = self._many.errors, self._many.overwrite
        claim(places, self._every, folders=self._folders, errors=errors, overwrite=overwrite)

    def _read_ahead(self, line: Progress) -> Iterator[tuple[str, Fitted]]:
        """Each path with its picture; what cannot be read is noted, and left out."""
        from ..pictures.ahead import ahead

        for path, fitted in zip(self._paths, ahead(self._read, self._paths), strict=True):
            if isinstance(fitted, InputError):
                self._failures.append(str(fitted))
            else:
                self._unlike.say_model()
                self._unlike.note(fitted.kinds, fitted.size)
                yield path, fitted
            line.add()

    def _read(self, path: str) -> Fitted | InputError:
        try:
            return read_fitted(path, self._spec, self._known)
        except InputError as error:
            return error

    def _batch(self, names: list[str], pixels: list[npt.NDArray[np.uint8]]) -> Batch:
        import numpy as np

        from ..pictures.pixels import from_uint8

        self.done += len(names)
        return Batch(names, from_uint8(np.stack(pixels)))

    def _report(self) -> None:
        failures, errors = self._failures, self._many.errors
        if errors and (failures or Path(errors).exists()):  # what an earlier run noted is no more so
            write_file(errors, mark_list(map(printable, failures)))
        if failures and not self.done and not self._skipped:
            raise InputError(
                failures[0] if len(failures) == 1 else f"none of the {len(failures)} inputs can be read: {failures[0]}"
            )
        for message in failures:
            say(f"vae: skipped: {message}")
        self._unlike.say(self.done)
