"""A folder of pictures as a data set: read by the runtime's own code, decoded once into a file of bytes, split by name.

The file is mapped into memory, so that a data set may be larger than it. What is trained on is what a device sees: the
pictures pass through `vae_runtime.pictures` in both places.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_runtime.errors import InputError
from vae_runtime.files import new_file, write_file
from vae_runtime.pictures.ahead import ahead
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import open_picture
from vae_runtime.pictures.strips import Croppable
from vae_runtime.pictures.tiling import window
from vae_runtime.pictures.walking import pictures_in
from vae_runtime.progress import watched
from vae_runtime.spec import ImageSpec

from .datasets import Dataset, picture_digest, split_sentence

UNUSED_DAYS = 30  # after which a decoded folder is removed
REPORT = 5  # version of what is kept of a decoded folder
HELD_OUT = 0.1  # share of the pictures that test, where no other folder does
SHOWN_ERRORS = 5


class _Read(NamedTuple):
    """One picture file: its images, or what is wrong with it."""

    path: str  # relative to its folder
    error: str | None
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    digest: str = ""
    images: npt.NDArray[np.uint8] | None = None


def load_folder(
    folder: Path,
    spec: ImageSpec,
    *,
    validation: Path | None = None,
    patches: int = 0,
    cache: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Dataset:
    """All pictures under `folder`, fitted to `spec`; labels are the first folder below it.

    validation: a folder of other pictures to test with; without one a tenth is held out, by a hash of its path.
    patches: that many random crops of spec's size from each picture, at its own resolution, in place of the whole one.
    A file that cannot be read is said and left out.
    """
    train_paths, test_paths = _split(folder) if validation is None else (_paths(folder), _paths(validation))
    train_paths.sort(key=_place, reverse=True)  # the last ones, which choose the best weights, are of every subfolder
    parts = [(folder, path) for path in train_paths] + [(validation or folder, path) for path in test_paths]
    place = (cache or _cache()) / _key(parts, len(train_paths), spec, patches)
    if not place.with_suffix(".json").exists():
        _remove_unused(place.parent)
        _decode(parts, len(train_paths), spec, patches, place, say)
    os.utime(place.with_suffix(".json"))  # used today
    report = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
    count = report["train"] + report["test"]
    # Mapped copy on write, for torch takes no array that cannot be written to; nothing writes.
    images = np.memmap(place.with_suffix(".bytes"), np.uint8, "c", shape=(count, *spec.shape))
    labels = np.array(report["labels"], np.uint8)
    split = report["train"]
    classes, extent, digests, names = (tuple(report[name]) for name in ("classes", "extent", "digests", "names"))
    about = _about(report, spec)
    for sentence in about:
        say(sentence)
    return Dataset(
        images[:split], labels[:split], images[split:], labels[split:], classes, extent, digests, about, names
    )


def _paths(folder: Path) -> list[str]:
    """Relative paths of the pictures under a folder, with forward slashes."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected a folder of pictures, or the name of a data set.")
    paths = [path.relative_to(folder).as_posix() for path in pictures_in(folder)]
    if not paths:
        raise InputError(f"the folder {folder} holds no picture (PNG, JPEG, WebP or BMP).")
    return paths


def _split(folder: Path) -> tuple[list[str], list[str]]:
    """Nine tenths to train and one to test, the same whatever else comes into the folder; each has one at least."""
    paths = _paths(folder)
    if len(paths) == 1:
        raise InputError(f"the folder {folder} holds one picture; expected two or more, for one of them tests.")
    places = {path: _place(path) for path in paths}
    by_place = sorted(paths, key=lambda path: places[path])
    test = {path for path in paths if places[path] < HELD_OUT} or {by_place[0]}
    test -= {by_place[-1]}
    return [path for path in paths if path not in test], [path for path in paths if path in test]


def _place(path: str) -> float:
    """A number in [0, 1) of a relative path."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _decode(
    parts: list[tuple[Path, str]], train: int, spec: ImageSpec, patches: int, place: Path, say: Callable[[str], None]
) -> None:
    """Write PLACE.bytes, the images one after the other, then PLACE.json, what they are."""
    place.parent.mkdir(parents=True, exist_ok=True)
    each = max(1, patches)
    size = len(parts) * each * int(np.prod(spec.shape))
    say(f"Decoding {len(parts):,} pictures once into {place.parent}: {size / 2**20:,.1f} MB.")
    report: dict[str, Any] = {
        "train": 0,
        "test": 0,
        "files": 0,
        "labels": [],
        "names": [],
        "digests": [],
        "unreadable": [],
    }
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    digests: Counter[str] = Counter()
    names = {name: number for number, name in enumerate(sorted({_top(path) for _, path in parts}))}
    with new_file(place.with_suffix(".bytes")) as file:
        for number, read in enumerate(watched(_read_all(parts, spec, patches), len(parts), "pictures decoded")):
            if read.images is None:
                report["unreadable"].append([read.path, read.error])
                continue
            file.write(read.images.tobytes())
            report["files"] += 1
            report["train" if number < train else "test"] += len(read.images)
            report["labels"] += [min(names[_top(read.path)], 255)] * len(read.images)
            report["names"] += [read.path] * len(read.images)
            sizes[read.size] += 1
            modes[read.mode] += 1
            digests[read.digest] += 1
            report["digests"] += [read.digest] * (number < train)
        if not report["train"] or not report["test"]:
            reason = f": {report['unreadable'][0][1]}" if report["unreadable"] else ""
            raise InputError(
                f"too few of the {len(parts)} pictures can be read to train on some and test on others{reason}"
            )
    areas = sorted(sizes, key=lambda size: size[0] * size[1])
    report |= {
        "smallest": areas[0],
        "largest": areas[-1],
        "sizes": len(sizes),
        "extent": [choose(size[axis] for size in sizes) for axis in (0, 1) for choose in (min, max)],
        "modes": dict(modes),
        "duplicates": sum(count - 1 for count in digests.values()),
        "classes": list(names) if len(names) <= 256 else [*list(names)[:255], "all others"],
        "folders": len(names),
    }
    write_file(place.with_suffix(".json"), json.dumps(report).encode())


def _remove_unused(cache: Path) -> None:
    """Decoded folders that no run has opened for a month; a run that maps one keeps it until it ends."""
    for report in cache.glob("*.json"):
        with contextlib.suppress(OSError):  # another run removes it too
            if time.time() - report.stat().st_mtime > UNUSED_DAYS * 86400:
                report.unlink()
                report.with_suffix(".bytes").unlink()


def _read_all(parts: list[tuple[Path, str]], spec: ImageSpec, patches: int) -> Iterator[_Read]:
    def read(part: tuple[Path, str]) -> _Read:
        folder, path = part
        try:
            with open_picture(folder / path) as picture:
                images = _crops(picture, spec, patches, path) if patches else fit_picture(picture, spec)[None]
                return _Read(path, None, picture.size, picture.mode, picture_digest(picture), images)
        except InputError as error:
            return _Read(path, str(error))

    return ahead(read, parts)


def _crops(picture: Croppable, spec: ImageSpec, patches: int, path: str) -> npt.NDArray[np.uint8]:
    """Random windows of a picture, the same for the same path."""
    _, height, width = spec.shape
    random = np.random.default_rng(int(_place(path) * 2**53))
    crops = []
    for _ in range(patches):
        left = int(random.integers(max(0, picture.size[0] - width) + 1))
        top = int(random.integers(max(0, picture.size[1] - height) + 1))
        crops.append(window(picture, (left, top), spec))
    return np.stack(crops)


def _top(path: str) -> str:
    """The first folder of a relative path; its number is the label, and at most 256 are told apart."""
    return path.partition("/")[0] if "/" in path else ""


def _about(report: dict[str, Any], spec: ImageSpec) -> tuple[str, ...]:
    """What the data are, in sentences."""
    modes = ", ".join(f"{count:,} {'grey' if mode == 'L' else 'colour'}" for mode, count in report["modes"].items())
    smallest, largest = ("x".join(map(str, report[name])) for name in ("smallest", "largest"))
    skipped = [f"  skipped {path}: {error}" for path, error in report["unreadable"][:SHOWN_ERRORS]]
    if len(report["unreadable"]) > SHOWN_ERRORS:
        skipped.append(f"  and {len(report['unreadable']) - SHOWN_ERRORS} more that cannot be read.")
    extent = smallest if report["sizes"] == 1 else f"{smallest} to {largest}"
    counts = {name: _counted(report[f"{name}s"], name) for name in ("size", "duplicate", "folder")}
    return (
        f"{report['files']:,} pictures: {modes}; {counts['size']}, {extent}; {counts['duplicate']}; "
        f"{counts['folder']}.",
        *skipped,
        split_sentence(report["train"], report["test"], spec),
    )


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _key(parts: list[tuple[Path, str]], train: int, spec: ImageSpec, patches: int) -> str:
    """Changes with any file's name, size or time, and with what is made of them."""
    digest = hashlib.sha256(json.dumps([REPORT, asdict(spec), patches, train]).encode())
    for folder, path in parts:
        stat = os.stat(folder / path)
        digest.update(
            f"{folder.resolve()} {path} {stat.st_size} {stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()[:24]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vae-runtime" / "folders"
