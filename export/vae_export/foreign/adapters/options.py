"""What a user says of a foreign model, where its files do not."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vae_runtime import ImageSpec
from vae_runtime.cli.extras import MissingExtra
from vae_runtime.errors import InputError
from vae_runtime.spec import MODES

from ..model import ForeignModel

RANGES: dict[str, tuple[float, float]] = {"sigmoid": (0, 1), "tanh": (-1, 1)}  # of images, by what makes them


@dataclass(frozen=True, kw_only=True)
class Options:
    """None where the user said nothing: the adapter then asks the files, and refuses what it cannot know."""

    image_shape: tuple[int, int, int] | None = None  # channels, height, width
    mode: str | None = None
    value_range: tuple[float, float] | None = None
    encoder_gives: str | None = None
    decoder_gives: str | None = None
    likelihood: str | None = None
    sigma: float | tuple[float, ...] | None = None
    prior: str | None = None
    trust_pickle: bool = False

    def range_of(self, last: str, where: str) -> tuple[float, float]:
        """Black and white: as the user says, else as the decoder's last operator has them.

        last: its name, such as "sigmoid"; `where` says which file it ends.
        """
        if self.value_range:
            return self.value_range
        if last.lower() not in RANGES:
            raise InputError(
                f"{where} does not say what black and white are (it ends in {last}); give --value-range 0,1 or "
                "--value-range=-1,1."
            )
        return RANGES[last.lower()]

    def image(self, found: Sequence[int] | None, where: str) -> ImageSpec:
        """The picture that the model takes: as the user says, else as the files do.

        found: channels, height, width; `where` says in which file, or in which they are missing.
        """
        shape = self.image_shape or found
        if shape is None or len(shape) != 3:
            said = "no image shape" if shape is None else f"images of shape {list(shape)}"
            raise InputError(f"{where} has {said}; give --image-shape CHANNELS,HEIGHT,WIDTH, such as 1,28,28.")
        channels, height, width = shape
        modes = [mode for mode, count in MODES.items() if count == channels]
        if not modes:
            raise InputError(f"{where} takes pictures of {channels} channels; expected 1 (grey) or 3 (RGB).")
        return ImageSpec(shape=(channels, height, width), mode=self.mode or modes[0])


@dataclass(frozen=True)
class Adapter:
    """One kind of foreign model."""

    name: str
    help: str
    files: tuple[str, ...]  # what is given for it, as a usage line names it
    needs: tuple[str, ...]  # modules beyond those of the export extra, each with its package's name
    read: Callable[[Sequence[Path], Options], ForeignModel]
    or_folder: bool = False  # whether one folder may take the place of the files

    def open(self, paths: Sequence[Path], options: Options) -> ForeignModel:
        """Read the files as a model; missing libraries are a MissingExtra, anything else wrong an InputError."""
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if missing:
            raise MissingExtra(
                f"vae export --from {self.name} needs {', '.join(missing)}; "
                f"install what is missing with: pip install {' '.join(missing)}"
            )
        if len(paths) != len(self.files) and not (self.or_folder and len(paths) == 1 and paths[0].is_dir()):
            expected = " ".join(self.files) + (" or DIR" if self.or_folder else "")
            raise InputError(f"--from {self.name} takes {expected} and then MODEL; got {len(paths)} and MODEL.")
        for path in paths:
            if not path.exists():
                raise InputError(f"{path} does not exist.")
        return self.read(paths, options)
