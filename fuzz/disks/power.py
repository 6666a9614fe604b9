"""Kill writers at every system call that changes a disk, and let every such call fail; needs strace (Linux).

    python -m fuzz.disks.power

Four writers replace something old by something new: a model folder, a checkpoint, a picture, a folder of three results.
Each is run again and again, killed at its first such call, its second, and so on to its end; then with an error (a full
disk, a broken one) in the place of each. What lies there afterwards must be the old or the new, whole; after an error,
the old. Of results, which are written one after the other, each by itself: some may be new and the rest old.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click

CALLS = ("write", "fsync", "rename", "unlink", "mkdir", "openat")
ERRORS = {"write": ("ENOSPC", "EIO"), "fsync": ("EIO",), "rename": ("EIO",), "mkdir": ("ENOSPC",)}
MARK = "/begin"  # a stat of this path says that the writer starts

WRITERS = {
    "model": """
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.writing import write_model
source = manifests.read(pathlib.Path({new!r}))
contents = {{file.file: read_file(pathlib.Path({new!r}), file) for file in source.files}}
begin()
write_model(pathlib.Path({place!r}), source, contents, replace=True)
""",
    "checkpoint": """
import torch
from vae_train.checkpoint import Checkpoint, save_last
saved = Checkpoint({{"x": torch.full((1000,), {number})}}, {{"step": {number}}})
begin()
save_last(pathlib.Path({place!r}), saved)
""",
    "picture": """
import numpy as np
from vae_runtime import write_image
begin()
write_image(pathlib.Path({place!r}) / "x.png", np.full((1, 40, 40), {number} / 2, np.float32))
""",
    "results": """
import numpy as np
from vae_runtime.cli.outputs import Output
begin()
Output.parse({place!r} + "/").write_each(np.full((3, 1, 40, 40), {number} / 2, np.float32))
""",
}
PREAMBLE = "import os, pathlib\ndef begin():\n    os.path.exists('/begin')\n"


@click.command()
@click.option("--model", type=click.Path(path_type=Path), default=Path("artifacts/mnist-2d"), show_default=True)
@click.option("--other", type=click.Path(path_type=Path), default=Path("artifacts/mnist-mlp"), show_default=True)
@click.option("--writer", type=click.Choice(list(WRITERS)), multiple=True, help="Only these.")
def main(model: Path, other: Path, writer: tuple[str, ...]) -> None:
    """Print counts of what lay there afterwards; exit with 1 if anything was broken."""
    if not shutil.which("strace"):
        raise click.ClickException("strace is not installed; this needs it.")
    broken = 0
    for name in writer or WRITERS:
        for what, injections in (("killed", ("signal=KILL",)), ("failed", None)):
            states = _sweep(name, model.resolve(), other.resolve(), injections)
            broken += states["broken"] + (states["new after an error"] if what == "failed" else 0)
            click.echo(f"{name:12}{what:8}" + ", ".join(f"{kind} {count}" for kind, count in sorted(states.items())))
    sys.exit(broken > 0)


def _sweep(name: str, old: Path, new: Path, injections: tuple[str, ...] | None) -> Counter[str]:
    """Every place of every call, with each injection; None is the errors of that call."""
    states: Counter[str] = Counter({"broken": 0})
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "place"
        _lay(name, place, old)
        trace = _run(name, place, new, [])
        for call in CALLS:
            for injection in injections or [f"error={error}" for error in ERRORS.get(call, ())]:
                for number in _places(trace, call):
                    _lay(name, place, old)
                    said = _run(name, place, new, ["-e", f"inject={call}:{injection}:when={number}"])
                    state = _state(name, place, old, new)
                    if state == "new" and injections is None and "FAILED" in said:
                        # What failed came after the one rename that counts: of the folder, or of a card.
                        state = "new after an error" if call in ("write", "mkdir") else "new, and said what failed"
                    states[state] += 1
    return states


def _places(trace: str, call: str) -> list[int]:
    """Which occurrences of a call come after the mark, and change something."""
    begun, count, places = False, 0, []
    for line in trace.splitlines():
        begun |= f'"{MARK}"' in line
        if f"{call}(" in line:
            count += 1
            changes = call != "openat" or "O_CREAT" in line
            if begun and changes and "write(1," not in line and "write(2," not in line:
                places.append(count)
    return places


def _run(name: str, place: Path, new: Path, options: list[str]) -> str:
    """The writer under strace; what was traced and said."""
    code = PREAMBLE + WRITERS[name].format(new=str(new), place=str(place), number=2)
    calls = ",".join((*CALLS, "stat", "newfstatat"))
    command = ["strace", "-f", "-e", f"trace={calls}", *options, sys.executable, "-B", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    return done.stderr + ("FAILED" if done.returncode > 0 else "")


def _lay(name: str, place: Path, old: Path) -> None:
    """The old thing."""
    shutil.rmtree(place, ignore_errors=True)
    if name == "model":
        shutil.copytree(old, place, ignore=shutil.ignore_patterns("checkpoint"))
        return
    place.mkdir()
    code = "import os, pathlib\ndef begin(): pass\n" + WRITERS[name].format(new="", place=str(place), number=1)
    subprocess.run([sys.executable, "-B", "-c", code], check=True)


def _state(name: str, place: Path, old: Path, new: Path) -> str:
    states: dict[str, Callable[[], str]] = {
        "model": lambda: _model(place, old, new),
        "checkpoint": lambda: _checkpoint(place),
        "picture": lambda: _level(place / "x.png"),
        "results": lambda: _results(place),
    }
    try:
        return states[name]()
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)
        return "broken"


def _model(place: Path, old: Path, new: Path) -> str:
    from vae_runtime import VAE
    from vae_runtime.model import manifest as manifests

    pair_id = VAE.load(place, threads=1).manifest.pair_id
    return {manifests.read(old).pair_id: "old", manifests.read(new).pair_id: "new"}[pair_id]


def _checkpoint(place: Path) -> str:
    from vae_train.checkpoint import read_last

    saved = read_last(place, lambda text: None)
    assert (saved.tensors["x"] == saved.state["step"]).all()
    return {1: "old", 2: "new"}[saved.state["step"]]


def _level(path: Path) -> str:
    from vae_runtime.pictures.reading import read_picture

    (level,) = set(read_picture(path).tobytes())
    return {128: "old", 255: "new"}[level]


def _results(place: Path) -> str:
    levels = [_level(place / f"{number:06d}.png") for number in range(3)]
    assert levels == sorted(levels, key=["new", "old"].index)
    return levels[0] if len(set(levels)) == 1 else "some new, the rest old"


if __name__ == "__main__":
    main()
