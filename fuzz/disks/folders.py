"""Files of others, of all kinds of names, beside models that are replaced, calibrated and left by killed writers.

    python -m fuzz.disks.folders --rounds 200

The names are made from those that models have, by small changes. Each of them must be there in the end with its
content, whatever was done; a folder whose manifest.json or config.json is another program's must not be written into.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from vae_runtime.checks.calibrate import write_calibrated
from vae_runtime.errors import VAEError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.writing import write_model

Model = tuple[manifests.Manifest, dict[str, bytes]]
Contents = dict[str, bytes]
FOREIGN: tuple[object, ...] = (
    {"manifest_version": 3, "name": "A browser extension", "version": "1.0"},
    {"short_name": "App", "icons": [], "display": "standalone"},
    {"format": "vae-page", "format_version": 1},
    {"architectures": ["BertModel"], "hidden_size": 768},
    {"folder": "out", "files": []},
    {"about": "vae-onnx", "formats": ["vae-onnx"]},
    ["vae-onnx"],
    {},
)
WORDS = (
    "-of-my-fridge",
    "-notes",
    ".backup",
    " (copy)",
    "-2",
    "-0123456789ab",
    ".old",
    "~",
    ".12ab34cd",
    "-best",
    "_v2",
)
SUFFIXES = (".jpg", ".md", ".py", ".tar", ".onnx", ".npz", ".json", ".tmp", ".js", "")


@click.command()
@click.option("--models", type=click.Path(path_type=Path), default=Path("artifacts"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(models: Path, rounds: int, seed: int) -> None:
    """Print counts and the first finds; exit with 1 if there are any."""
    pair = [_read(models / name) for name in ("mnist-2d", "mnist-mlp")]
    pair += [(dataclasses.replace(pair[0][0], card=()), pair[0][1])]
    finds, others = [], 0
    for number in range(seed, seed + rounds):
        random = np.random.default_rng(number)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "folder"
            does = random.choice(np.array([_replaced, _calibrated, _damaged, _killed, _foreign, _run]))
            theirs, said = does(folder, pair, random)
            lost = [name for name, content in theirs.items() if _content(folder / name) != content]
            others += len(theirs)
            finds += [f"round {number}, {does.__name__[1:]}: {what}" for what in (*lost[:3], *said)]
    click.echo(f"{rounds} rounds, {others} files of others, {len(finds)} finds")
    for find in finds[:12]:
        click.echo(f"  {find}")
    sys.exit(bool(finds))


def _read(folder: Path) -> Model:
    manifest = manifests.read(folder)
    return manifest, {file.file: read_file(folder, file) for file in manifest.files}


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _name(random: np.random.Generator, pair: list[Model]) -> str:
    """A name of a model's file, changed a little or not at all."""
    known = sorted(
        {file.file for manifest, _ in pair for file in manifest.files} | {"detector.onnx", "prior_sample.onnx"}
    )
    name = str(random.choice(known))
    for _ in range(int(random.integers(0, 3))):
        stem, suffix = os.path.splitext(name)
        place = int(random.integers(len(stem) + 1))
        changed = (
            stem + str(random.choice(WORDS)) + suffix,
            stem + str(random.choice(SUFFIXES)),
            f".{name}.tmp",
            stem[:place] + stem[place + 1 :] + suffix,
            stem[:place] + str(random.choice(list("-._aZ9"))) + stem[place:] + suffix,
            name.upper(),
        )
        name = changed[int(random.integers(len(changed)))]
    return name.strip("/ ") or "x"


def _files_of_others(folder: Path, pair: list[Model], random: np.random.Generator) -> Contents:
    """Files that no manifest there names. Temporary files of ours, and names that differ in case, are left out."""
    folder.mkdir(exist_ok=True)
    taken = {path.name.lower() for path in folder.iterdir()} | {manifests.FILE_NAME, "config.json"}
    others: Contents = {}
    for _ in range(int(random.integers(1, 12))):
        name = _name(random, pair)
        if name.lower() not in taken and not re.fullmatch(r"\..*\.[0-9a-f]{8}\.tmp", name):
            taken.add(name.lower())
            others[name] = random.bytes(int(random.integers(0, 50)))
            (folder / name).write_bytes(others[name])
    return others


def _models(random: np.random.Generator, pair: list[Model]) -> tuple[Model, Model]:
    one, other = random.choice(len(pair), 2)
    return pair[one], pair[other]


def _whole(folder: Path, model: Model) -> list[str]:
    """What is wrong with the model that lies there."""
    try:
        return [] if _read(folder)[0].pair_id == model[0].pair_id else ["another model lies there"]
    except VAEError as error:
        return [str(error)]


def _replaced(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    """A model of one kind, then of another, once or a few times."""
    old, new = _models(random, pair)
    write_model(folder, *old)
    theirs = _files_of_others(folder, pair, random)
    for _ in range(int(random.integers(1, 4))):
        old, new = new, old
        write_model(folder, *old, replace=True)
    return theirs, _whole(folder, old)


def _calibrated(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    old, _ = _models(random, pair)
    write_model(folder, *old)
    theirs = _files_of_others(folder, pair, random)
    write_calibrated(folder, folder, {"elbo": tuple(sorted(random.normal(size=9).tolist()))})
    return theirs, _whole(folder, old)


def _damaged(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    """The old manifest is cut off somewhere after its first key, then replaced."""
    old, new = _models(random, pair)
    write_model(folder, *old)
    theirs = _files_of_others(folder, pair, random)
    text = (folder / manifests.FILE_NAME).read_bytes()
    (folder / manifests.FILE_NAME).write_bytes(text[: int(random.integers(30, len(text)))])
    write_model(folder, *new, replace=True)
    return theirs, _whole(folder, new)


def _killed(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    """A writer is killed at one of its renames or removals; the next one leaves its model and the files of others."""
    old, new = _models(random, pair)
    if random.integers(2):
        write_model(folder, *old)
        theirs = _files_of_others(folder, pair, random)
    else:  # an empty folder that is there
        folder.mkdir()
        theirs = {}
    left, child = int(random.integers(0, 20)), os.fork()
    if child == 0:
        _kill_after(left)
        write_model(folder, *new, replace=True)
        os._exit(0)
    os.waitpid(child, 0)
    try:
        write_model(folder, *old, replace=True)
    except VAEError as error:
        return theirs, [f"after a writer was killed: {error}"]
    known = {manifests.FILE_NAME, *theirs, *(file.file for file in manifests.read(folder).files)}
    more = sorted({path.name for path in folder.iterdir()} - known)
    return theirs, _whole(folder, old) + [f"{name} is left of a writer that was killed" for name in more]


def _kill_after(calls: int) -> None:
    def counted(usual: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object, **options: object) -> None:
            nonlocal calls
            calls -= 1
            if calls < 0:
                os._exit(9)
            usual(*arguments, **options)

        return call

    for name in ("replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]


def _foreign(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    """A manifest.json of another program, whole or torn, must not be replaced by a model."""
    theirs = _files_of_others(folder, pair, random)
    text = json.dumps(FOREIGN[int(random.integers(len(FOREIGN)))], indent=2).encode()
    theirs[manifests.FILE_NAME] = text[: int(random.integers(len(text) + 1))] if random.integers(2) else text
    (folder / manifests.FILE_NAME).write_bytes(theirs[manifests.FILE_NAME])
    return theirs, _refused(lambda: write_model(folder, *pair[0], replace=True), "a model was written")


def _run(folder: Path, pair: list[Model], random: np.random.Generator) -> tuple[Contents, list[str]]:
    """A config.json or data.json of another program must not become a run's."""
    from vae_train.checkpoint import require_new_run

    theirs = _files_of_others(folder, pair, random)
    name = str(random.choice(["config.json", "data.json"]))
    theirs[name] = json.dumps(FOREIGN[int(random.integers(len(FOREIGN)))]).encode()
    (folder / name).write_bytes(theirs[name])
    return theirs, _refused(lambda: require_new_run(folder), "a run would be trained there")


def _refused(action: Callable[[], object], find: str) -> list[str]:
    try:
        action()
    except VAEError:
        return []
    return [find]


if __name__ == "__main__":
    main()
