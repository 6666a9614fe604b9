"""Verbs whose results and inputs are chosen at random among the same files, links and folders: nothing may be lost.

python -m fuzz.disks.outputs --count 1000

What is read stays as it is, and so do files of others where --overwrite was not given, whatever their names; what was
refused has changed nothing; every result that is said to be written is there; the next run reads the same inputs.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from click.testing import CliRunner

from vae_runtime.cli import main as vae
from vae_runtime.cli import verbs
from vae_runtime.cli.arguments import expand
from vae_runtime.pictures.writing import encode_image

from ..machine.cached import cached_models

MODEL = Path("artifacts/mnist-2d").absolute()
HAS_OVERWRITE = any(option.name == "overwrite" for option in verbs.load("sample").params)
PICTURES = ("a.png", "b.PNG", "000000.png", "in/a.png", "in/000001.png", "in/deep/a.png", "other/a.png", "other/A.png")
OTHERS = ("holiday.jpg", "notes.csv", "x.npy", "page.html", "in/notes.txt", "out/a.png", "out/000001.png", "1.png")
LINKS = {"link.png": "a.png", "in/link.png": "../b.PNG", "same": "in", "gone.png": "nowhere.png", "o": "out"}
OURS = ("ours.png", "ours.npz", "out/000000.png", "2.png")
INPUTS = (
    "in",
    "in/",
    "same",
    "other",
    "out",
    ".",
    "in/deep",
    *PICTURES,
    "link.png",
    "hard.png",
    "ours.png",
    "missing.png",
)
TARGETS = (
    *("in/", "same/", "out/", "new/", "in/new/", "in/.new/", "o/", "other", "%d.png", "in/%06d.png", "out/%d.png"),
    *(
        "-",
        "new.png",
        "new.jpg",
        "new.npz",
        "new.csv",
        "in/new.png",
        "gone.png",
        "empty.png",
        "/dev/null",
        "o/new.webp",
    ),
    *(*PICTURES, *OTHERS, *OURS, *LINKS, "hard.png", "latents.npz", "in/a.png/", "A.PNG"),
)


class Invocation(NamedTuple):
    """A command, what it reads, and where it may write."""

    arguments: list[str]
    inputs: list[str]
    output: str
    overwrite: bool
    sharded: bool  # in two parts, one after the other


@click.command()
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(count: int, seed: int) -> None:
    """Print how the commands ended and what was wrong; exit with 1 if anything was."""
    codes, wrong = run(count, seed)
    click.echo(f"{count:,} commands, by exit code {dict(sorted(codes.items()))}: {wrong.total():,} wrong")
    for find, number in wrong.most_common():
        click.echo(f"{number:7,}  {find}")
    sys.exit(bool(wrong))


def run(count: int, seed: int) -> tuple[Counter[int], Counter[str]]:
    """Exit codes, and finds."""
    codes, wrong = Counter[int](), Counter[str]()
    with cached_models(MODEL):
        for number in range(seed, seed + count):
            with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
                _prepare()
                case = _case(random.Random(number))
                code, finds = _outcome(case)
            codes[code] += 1
            wrong.update(finds)
            for find in finds:
                click.echo(f"case {number}: {' '.join(case.arguments)}: {find}", err=True)
    return codes, wrong


def _prepare() -> None:
    """Pictures, files of others, results of an earlier run, links of both kinds."""
    for number, name in enumerate(PICTURES):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        Path(name).write_bytes(encode_image(np.full((1, 28, 28), number / 9, np.float32)))
    os.makedirs("out")
    for name in OTHERS:
        Path(name).write_bytes(b"somebody's " + name.encode())
    for name, target in LINKS.items():
        os.symlink(target, name)
    os.link("a.png", "hard.png")
    Path("empty.png").write_bytes(b"")
    np.savez("latents.npz", mean=np.zeros((3, 2), np.float32))
    for name in OURS:
        verb = ("encode", "a.png") if name.endswith("npz") else ("sample", "-n", "1")
        _invoke([*verb, "-m", str(MODEL), "-o", f"{os.path.dirname(name) or '.'}/t-{os.path.basename(name)}"])
        os.replace(Path(name).with_name(f"t-{os.path.basename(name)}"), name)


def _case(chance: random.Random) -> Invocation:
    verb = chance.choice(["sample", "decode", "vary", "interpolate", "encode", "reconstruct", "reconstruct", "score"])
    many = verb in ("encode", "reconstruct", "score")
    inputs = chance.sample(INPUTS, chance.randint(1, 3)) if many else []
    inputs = chance.choices(PICTURES, k={"vary": 1, "interpolate": 2}.get(verb, 0)) or inputs
    inputs = ["latents.npz"] if verb == "decode" else inputs
    output = chance.choice(TARGETS)
    arguments = [verb, *inputs, "--maps" if verb == "score" else "-o", output, "-m", str(MODEL)]
    arguments += {"sample": ["-n", "3", "--start", str(chance.randint(0, 2))], "interpolate": ["--steps", "3"]}.get(
        verb, []
    )
    if many and chance.random() < 0.3:
        arguments += ["--errors", chance.choice(TARGETS[11:])]
    if many and chance.random() < 0.2:
        arguments += ["--skip-existing"]
    if verb == "encode" and chance.random() < 0.5:
        arguments += ["--format", chance.choice(["csv", "jsonl"])]
    overwrite = HAS_OVERWRITE and chance.random() < 0.3
    return Invocation(
        [*arguments, *["--overwrite"] * overwrite], inputs, output, overwrite, many and chance.random() < 0.3
    )


def _outcome(case: Invocation) -> tuple[int, set[str]]:
    """The exit code of the last part, and what was wrong."""
    every, errors = expand(case.inputs)[0], _after("--errors", case.arguments)
    before, said = _contents(), ""
    codes: list[int] = []
    for name in before:
        os.utime(name, (1, 1))
    shards = ("1/2", "2/2") if case.sharded else ("1/1",)
    for shard in shards:
        code, text = _invoke([*case.arguments, *(["--shard", shard] if case.sharded else [])])
        said, codes = said + text, [*codes, code]
    after = _contents()
    finds = set(_lost(case, said, codes, before, after, {os.path.realpath(name) for name in every}))
    written = {name for name in after if os.stat(name).st_mtime > 1} - {os.path.realpath(errors or "-")}
    numbered = "%" in case.output and case.arguments[0] != "encode"
    several = numbered or case.output.endswith("/") or os.path.isdir(case.output)
    if (
        several
        and len(set(every)) == len(every)
        and len(written) < sum(map(int, re.findall(r"Wrote (\d+) \w+ to ", said)))
    ):
        finds.add("fewer results than were said to be written")
    if codes == [0] and [name for name in expand(case.inputs)[0] if name not in every]:
        finds.add("a result is an input of the next run")
    return codes[-1], finds


def _lost(
    case: Invocation, said: str, codes: list[int], before: dict[str, bytes], after: dict[str, bytes], read: set[str]
) -> Iterator[str]:
    changed = {name for name in before if before[name] != after.get(name)}
    others = changed - read - {os.path.realpath(name) for name in (*OURS, "empty.png")}
    if set(codes) - {0, 1, 2}:
        yield f"exit codes {codes}: {said[:200]}"
    if changed & read:
        yield "an input was changed"
    if others and not case.overwrite:
        yield "a file of others was replaced"
    if set(codes) == {2} and "cannot be read" not in said and (changed or len(after) > len(before)):
        yield "refused, and something was written"
    if any(name.endswith(".tmp") for name in after):
        yield "a temporary file was left"


def _contents() -> dict[str, bytes]:
    """Every file below here by its real path."""
    return {
        str(path): path.read_bytes()
        for path in sorted(Path.cwd().resolve().rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _after(option: str, arguments: list[str]) -> str | None:
    return arguments[arguments.index(option) + 1] if option in arguments else None


def _invoke(arguments: list[str]) -> tuple[int, str]:
    result = CliRunner().invoke(vae, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        return -1, repr(result.exception)
    return result.exit_code, result.stderr


if __name__ == "__main__":
    main()
