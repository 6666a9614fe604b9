"""Names of files and texts of models that other people choose, through all that the command line prints.

python -m fuzz.disks.names --count 300

A terminal must be sent nothing but what can be printed and ends of lines of our own, as many as there are things to
say; CSV and JSON lines must give every name back, and no cell of a spreadsheet may begin a formula.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import tty
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
from click.testing import CliRunner

from vae_runtime.checks.verify import Report
from vae_runtime.cli import main as vae
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import unlisted_files
from vae_runtime.pictures.writing import encode_image

from ..machine.cached import cached_models

MODEL = Path("artifacts/mnist-2d").absolute()
PARTS = (
    *("\n", "\r", "\r\n", "\t", "\x1b[2J", "\x1b]0;x\x07", "\x7f", "\x85", "\x9b31m", "\b", "\v", "\x00"),
    *("\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\ufeff", "\u2028", "\xad", "\U000e0041"),
    *("=1+1", "+1", "-1", "@x", "\uff1dx", '"', "'", ",", ";", "|", "`", "]", "---", "#", "<b>", "%d", "{}", "\\n"),
    *("\udcff", "\udc9b", "\udc80", "é", "雪", "🙂", " ", ".", "manifest sha256  0000", "\nmanifest sha256  0000", "x"),
)
FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
PEOPLE = "people"
Check = Callable[[random.Random, list[str]], Iterator[str]]


@click.command()
@click.option("--count", type=click.IntRange(1), default=300, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(count: int, seed: int) -> None:
    """Print how many runs there were and what was wrong; exit with 1 if anything was."""
    ran, wrong = run(count, seed)
    click.echo(f"{ran:,} runs of {count:,} sets of names and texts: {wrong.total():,} wrong")
    for find, number in wrong.most_common():
        click.echo(f"{number:7,}  {find}")
    sys.exit(bool(wrong))


def run(count: int, seed: int) -> tuple[int, Counter[str]]:
    """How many commands were run, and their finds."""
    ran, wrong, picture = 0, Counter[str](), encode_image(np.zeros((1, 28, 28), np.float32))
    with cached_models(MODEL), tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        for number in range(seed, seed + count):
            chance, work = random.Random(number), Path(str(number))
            shutil.copytree(MODEL, work / "model", ignore=shutil.ignore_patterns("checkpoint"))
            with contextlib.chdir(work):
                names = _pictures(chance, picture)
                for check in (_scores, _latents, _failures, _mirror, _usage, _info, _verify):
                    ran += 1
                    wrong.update(f"{check.__name__[1:]}: {find}" for find in _finds(check, chance, names))
            shutil.rmtree(work)
    return ran, wrong


def _finds(check: Check, chance: random.Random, names: list[str]) -> Iterator[str]:
    try:
        yield from check(chance, names)
    except Exception as error:  # what nobody promised
        yield f"foreign {type(error).__name__}"


def text(chance: random.Random, parts: int = 4) -> str:
    """A few parts of every kind."""
    return "".join(chance.choices(PARTS, k=chance.randint(1, parts)))


def _pictures(chance: random.Random, content: bytes) -> list[str]:
    """Pictures with names of every kind in this folder, one of the longest and one deep down."""
    names = [f"{os.fsdecode(os.fsencode(_name(chance))[:240])}.png" for _ in range(4)]
    names += ["n" * 251 + ".png", "/".join([_name(chance, 1) for _ in range(20)]) + "/=x.png"]
    for name in dict.fromkeys(names):
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        Path(name).write_bytes(content)
    return list(dict.fromkeys(names))


def _name(chance: random.Random, parts: int = 4) -> str:
    name = text(chance, parts).replace("\x00", "").replace("/", "")
    return name if name.strip(".") else f"{name}x"


def _scores(chance: random.Random, names: list[str]) -> Iterator[str]:
    shown = _piped("score", "--", *names)[0] if chance.random() < 0.5 else _seen("score", "--", *names)
    yield from _unprintable(shown, PEOPLE, lines=len(names) + 1)
    yield from _unprintable(_seen("score", "--format", "csv", "--", *names), "csv on a terminal", lines=len(names) + 1)
    for form in ("csv", "jsonl"):
        yield from _lost(_piped("score", "--format", form, "--", *names)[0], form, names)


def _latents(chance: random.Random, names: list[str]) -> Iterator[str]:
    form = chance.choice(["csv", "jsonl"])
    yield from _unprintable(_piped("encode", "-o", f"z.{form}", "--format", form, "--", *names)[1], PEOPLE, lines=1)
    yield from _lost(Path(f"z.{form}").read_bytes(), form, names)


def _failures(chance: random.Random, names: list[str]) -> Iterator[str]:
    """Files that are no pictures, among them one that is."""
    broken = [f"gone{_name(chance)}.png" for _ in range(3)]
    listed = f"errors{_name(chance)[:40]}"
    said = _piped("score", "--errors", listed, "--", names[0], *broken)[1]
    yield from _unprintable(said, PEOPLE, lines=len(broken) + 1)
    yield from _unprintable(Path(listed).read_bytes(), "--errors", lines=len(broken) + 1)  # and the mark


def _mirror(chance: random.Random, names: list[str]) -> Iterator[str]:
    """A folder of results: each picture's, by its name, and nothing else changed."""
    before = {name: Path(name).read_bytes() for name in names}
    yield from _unprintable(_piped("reconstruct", "-o", f"out{_name(chance)[:40]}/", "--", *names)[1], PEOPLE, lines=1)
    if before != {name: Path(name).read_bytes() for name in names}:
        yield "a picture changed"


def _usage(chance: random.Random, names: list[str]) -> Iterator[str]:
    """What is typed wrongly: an error of two lines of usage, or one."""
    odd = text(chance).replace("\x00", "")
    for arguments in (
        (f"--x{odd}",),
        ("score", f"--{odd}x"),
        ("score", "-m", odd, "--", names[0]),
        ("sample", "x", odd),
    ):
        yield from _unprintable(b"".join(_piped(*arguments)), PEOPLE, lines=None)


def _info(chance: random.Random, names: list[str]) -> Iterator[str]:
    """Figures of the training, which are free text."""
    path = Path("model/manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["training"] = training = _nested(chance)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    shown = [_piped("info", "-m", "model")[0], _seen("info", "-m", "model")]
    usual = json.loads((MODEL / path.name).read_text(encoding="utf-8"))["training"]
    without = _piped("info", "-m", str(MODEL))[0].count(b"\n") - _count(usual)
    for output in shown:
        yield from _unprintable(output, PEOPLE, lines=without + _count(training))
        if sum(line.startswith(b"manifest sha256") for line in output.splitlines()) != 1:
            yield "not one line of the manifest's digest"
    yield from _unprintable(_seen("info", "--json", "-m", "model"), "json", lines=None)


def _verify(chance: random.Random, names: list[str]) -> Iterator[str]:
    """A file too many in the model's folder."""
    Path("model", _name(chance)).write_bytes(b"")
    manifest = manifests.read(Path("model"))
    fields: dict[str, Any] = {"unlisted": unlisted_files(Path("model"), manifest), "tensors": []}
    fields |= {name: None for name in Report._fields if name not in fields}
    report = Report(**fields)
    with mock.patch(
        "vae_runtime.checks.verify_subprocess.verify_in_subprocess", lambda *_, **__: report
    ):  # its process takes a second
        yield from _unprintable(_piped("verify", "-m", "model")[0], PEOPLE, lines=4)


def _nested(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    values = (lambda: text(chance), lambda: chance.random(), lambda: [1, text(chance)], lambda: None)
    tree: dict[str, Any] = {f"{text(chance)}{number}": chance.choice(values)() for number in range(3)}
    return {**tree, text(chance): _nested(chance, depth + 1)} if depth < 2 else tree


def _count(training: dict[str, Any]) -> int:
    return sum(1 + (_count(value) if isinstance(value, dict) else 0) for value in training.values())


def _lost(content: bytes, form: str, names: list[str]) -> Iterator[str]:
    """Names that do not come back, and cells that are formulas."""
    said = os.fsdecode(content)
    if form == "jsonl":
        told = [json.loads(line)["path"] for line in said.splitlines()]
    else:
        told = [row[0] if row else "" for row in list(csv.reader(io.StringIO(said, newline="")))[1:]]
        if any(cell.startswith(FORMULAS) for cell in told):
            yield "a cell of csv is a formula"
    if [os.path.normpath(name) for name in told] != [os.path.normpath(name) for name in names]:
        yield f"a name is lost in {form}"


def _unprintable(content: bytes, where: str, *, lines: int | None) -> Iterator[str]:
    """What a terminal must not be sent, and lines that are none."""
    said = content.decode("utf-8", "surrogateescape")
    if any(mark != "\n" and not mark.isprintable() for mark in said):
        yield f"marks that cannot be printed, for {where}"
    if lines is not None and said.count("\n") != lines:
        yield f"another number of lines than there is to say, for {where}"


def _piped(*arguments: str) -> tuple[bytes, bytes]:
    """What a command writes to stdout and stderr that are no terminal."""
    result = CliRunner().invoke(vae, _with_model(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout_bytes, result.stderr_bytes


def _seen(*arguments: str) -> bytes:
    """What a command writes to a terminal, both streams together."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)  # ends of lines as they are
    shown = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096):
                shown.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open(theirs, "w", encoding="utf-8", errors="surrogateescape"))
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        with contextlib.suppress(SystemExit):
            vae.main(_with_model(arguments), prog_name="vae")
    reader.join()
    os.close(ours)
    return bytes(shown)


def _with_model(arguments: tuple[str, ...]) -> list[str]:
    """With -m and before -- , unless there is one."""
    if "-m" in arguments or "--" not in arguments:
        return list(arguments)
    at = arguments.index("--")
    return [*arguments[:at], "-m", str(MODEL), *arguments[at:]]


if __name__ == "__main__":
    main()
