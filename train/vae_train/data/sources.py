"""Where a run's images come from: a data set by name, or a folder of pictures."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vae_runtime.errors import InputError
from vae_runtime.files import write_file
from vae_runtime.spec import MODES

from ..config import Config
from . import datasets as data
from .datasets import Dataset
from .folders import load_folder
from .recipe import for_shape
from .survey import SIDES, survey

NAMES = ("mnist", "digits")
OF_PICTURES = ("fit", "resample", "invert", "patches", "augment")
FILE = "data.json"  # beside config.json, and not part of the model: it names a place on this machine


class PictureFolders(NamedTuple):
    """A folder of pictures to train on, and one to test with, if there is another."""

    folder: Path
    validation: Path | None = None

    def save(self, run: Path) -> None:
        """Note the place in the run's folder, for `evaluate` and `--resume`."""
        places = {name: str(path.resolve()) if path else None for name, path in self._asdict().items()}
        write_file(run / FILE, (json.dumps(places, indent=2) + "\n").encode())

    @classmethod
    def of_run(cls, run: Path) -> PictureFolders | None:
        """What `save` noted; None where nothing is."""
        if not (run / FILE).is_file():
            return None
        places = json.loads((run / FILE).read_text(encoding="utf-8"))
        return cls(Path(places["folder"]), Path(places["validation"]) if places["validation"] else None)


def begin(
    preset: Config,
    data: str,
    *,
    val: Path | None = None,
    size: str | None = None,
    mode: str | None = None,
    changes: Mapping[str, Any],
) -> tuple[Config, PictureFolders | None]:
    """The config of a new run on a data set or a folder, and the places of its pictures, if it is a folder."""
    if data in NAMES:
        given = {"val": val, "size": size, "mode": mode, **{name: changes.get(name) for name in OF_PICTURES}}
        if wrong := [name for name, value in given.items() if value]:
            raise InputError(f"--{wrong[0]} is for a folder of pictures; the images of {data!r} are as they are.")
        return dataclasses.replace(preset, data=data), None
    seen = survey(Path(data))
    width, height = parse_size(size) if size else seen.size
    config = for_shape(preset, (MODES[mode or seen.mode], height, width))
    return dataclasses.replace(config, data=data_name(data)), PictureFolders(Path(data), val)


def data_name(data: str) -> str:
    """What a config calls a data set, or a folder of pictures, of which a model should not carry the whole path."""
    if data in NAMES:
        return data
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(data).resolve().name) or "pictures"
    return f"pictures-{name}" if name in NAMES else name


def require_outside(out: Path, pictures: PictureFolders) -> None:
    """Refuse a run inside its own data: its snapshots would be trained on."""
    for folder in (pictures.folder, pictures.validation):
        if folder and folder.resolve() in (out.resolve(), *out.resolve().parents):
            raise InputError(
                f"--out {out} lies in the folder of pictures {folder}, and what a run draws would be trained on; "
                "choose an --out elsewhere."
            )


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of "64" or "48x64"."""
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    if not match:
        raise InputError(f"--size is {text!r}; expected the size to train at: 64, or WIDTHxHEIGHT.")
    width, height = int(match[1]), int(match[2] or match[1])
    if not (SIDES[0] <= min(width, height) and max(width, height) <= SIDES[1]):
        raise InputError(f"--size is {text!r}; expected sides of {SIDES[0]} to {SIDES[1]} pixels.")
    return width, height


def is_at_hand(config: Config, run: Path) -> bool:
    """Whether the data of a run lie on this machine, and nothing need be fetched or asked for."""
    if config.data == "digits":
        return True
    places = PictureFolders.of_run(run)
    return bool(places and places.folder.is_dir() and (places.validation is None or places.validation.is_dir()))


def load(
    config: Config,
    run: Path | None = None,
    *,
    directory: Path | None = None,
    pictures: PictureFolders | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Dataset:
    """The data of a config; of pictures, from `pictures`, `directory`, or the place that the run noted."""
    if config.data in NAMES:
        dataset = data.load(config.data, directory)
        for sentence in dataset.about:
            say(sentence)
        return dataset
    pictures = pictures or (PictureFolders(directory) if directory else PictureFolders.of_run(run) if run else None)
    if pictures is None:
        raise InputError(f"the model was trained on the pictures {config.data!r}; give their folder as --data-dir.")
    return load_folder(
        pictures.folder, config.image_spec, validation=pictures.validation, patches=config.patches, say=say
    )
