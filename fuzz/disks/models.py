"""Damage model folders and see what happens: refused, harmless, or worse.

    python -m fuzz.disks.models artifacts/mnist --count 2000
    python -m fuzz.disks.models artifacts/mnist --count 2000 --repair

--repair gives the damaged file's size and sha256 to the manifest, as whoever means harm would; then the gate and the
golden vectors alone stand in the way. Every outcome but "refused", "same" and "within tolerance" is a failure; with
--repair "another model" is none: weights were changed so that the golden vectors still hold within their tolerance, and
whoever can do that can write any model. A digest that was noted beforehand (`VAE.load(digest=…)`) refuses them all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from ..machine.guarded import Guarded
from .damage import ANYWHERE

SECONDS = 20.0
# Twice what golden vectors may differ by: other images than theirs are looked at.
TOLERANCE = {"float32": 2e-4, "int8": 0.2}
GOOD = ("refused", "same", "within tolerance", "another model")


class Damaged(NamedTuple):
    """A folder to open, and what the sound model gave."""

    folder: str
    precision: str
    expected: dict[str, bytes]
    repaired: bool


def outcome(case: Damaged) -> str:
    """What becomes of a damaged folder: checked whole, then used."""
    from vae_runtime import VAE, VAEError
    from vae_runtime.checks.verify import verify

    try:
        report = verify(Path(case.folder), providers="cpu", threads=1, precision=case.precision)
        if not report.passed:
            return "refused"
        given = answers(VAE.load(case.folder, threads=1, precision=case.precision))
    except VAEError as error:
        return "refused" if "\n" not in str(error) else "many lines"
    except Exception as error:  # what nobody promised
        return f"foreign {type(error).__name__}: {error}"[:200]
    if given == case.expected:
        return "same"
    pairs = [(np.frombuffer(given[name], np.float32), np.frombuffer(case.expected[name], np.float32)) for name in given]
    apart = max(float(np.abs(one - other).max()) if one.shape == other.shape else np.inf for one, other in pairs)
    if apart < TOLERANCE[case.precision]:
        return "within tolerance"
    return "another model" if case.repaired else f"silent, {apart:.2g} apart"


def answers(vae: object) -> dict[str, bytes]:
    """Images that a model makes, and their latents."""
    from vae_runtime import VAE
    from vae_runtime.checks.probe import made_images

    assert isinstance(vae, VAE)
    images = made_images(vae, 8)
    there = vae.encode(np.clip(images, 0, 1)).there
    return {"images": images.tobytes(), **{name: part.tobytes() for name, part in there.items()}}


def damaged(source: Path, target: Path, random: np.random.Generator, *, repair: bool) -> tuple[str, str]:
    """Write a damaged copy of a model folder; returns the file and the kind of damage."""
    manifest = json.loads((source / "manifest.json").read_text())
    entries = [
        *(file for graph in manifest["graphs"].values() for file in graph.values()),
        *manifest["golden"].values(),
    ]
    names = [entry["file"] for entry in entries]
    name = str(random.choice(names if repair else [*names, "manifest.json"]))
    content = (source / name).read_bytes()
    kind = ANYWHERE[int(random.integers(len(ANYWHERE)))]
    changed = kind(content, random)
    for entry in entries:
        if entry["file"] == name and repair:
            entry.update(bytes=len(changed), sha256=hashlib.sha256(changed).hexdigest())
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("checkpoint"))
    (target / "manifest.json").write_text(json.dumps(manifest))
    (target / name).write_bytes(changed)
    return name, kind.__name__ if changed != content else "none"


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--count", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first case.")
@click.option("--repair", is_flag=True, help="Give the damage its checksum.")
def main(model: Path, count: int, seed: int, repair: bool) -> None:
    """Print how many of each outcome; exit with 1 if any is bad."""
    outcomes = run(model, count, seed, repair=repair)
    for kind, number in outcomes.most_common():
        click.echo(f"{number:7,}  {kind}")
    sys.exit(any(kind not in GOOD for kind in outcomes))


def run(model: Path, count: int, seed: int, *, repair: bool) -> Counter[str]:
    """Outcomes of `count` damaged copies."""
    from vae_runtime import VAE

    expected = {
        name: answers(VAE.load(model, threads=1, precision=name)) for name in VAE.load(model).manifest.precisions
    }
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch, Guarded(outcome, SECONDS) as ask:
        for number in range(seed, seed + count):
            folder = Path(scratch) / str(number)
            name, kind = damaged(model, folder, np.random.default_rng(number), repair=repair)
            precision = "int8" if "int8" in name else "float32"
            answer = ask(Damaged(str(folder), precision, expected[precision], repair))
            outcomes[answer.partition(" ")[0] if answer not in GOOD else answer] += 1
            if answer not in GOOD:
                click.echo(f"case {number}: {kind} in {name}: {answer}", err=True)
            shutil.rmtree(folder)
    return outcomes


if __name__ == "__main__":
    main()
