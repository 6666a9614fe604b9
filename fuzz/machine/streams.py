"""Pipe one picture, or more than one, into `vae score -`: is every picture scored, or refused in one sentence?

python -m fuzz.machine.streams --count 300
"""

from __future__ import annotations

import sys
from collections import Counter

import click
import numpy as np
from click.testing import CliRunner

from vae_runtime.cli import main as vae

from ..disks.pictures import pictures

BETWEEN = (b"", b"\n", b"\r\n", bytes(7))
TRAILERS = (b"", bytes(30), b"SEFT", b"\0\0\0\x18ftypmp42")
UNREAD = {"CMYK JPEG", "TIFF"}


def case(number: int) -> str:
    """What is wrong with a case, or nothing."""
    random = np.random.default_rng(number)
    kinds = pictures()
    first, *more = random.choice([name for name in kinds if name not in UNREAD], random.integers(1, 4))
    content = kinds[first]
    for name in more:
        content += BETWEEN[random.integers(len(BETWEEN))] + kinds[str(name)]
    content += TRAILERS[random.integers(len(TRAILERS))]
    result = CliRunner().invoke(vae, ["score", "-"], input=content)
    said = (
        result.stderr.startswith("vae: error: <stdin> holds more than one picture") and result.stderr.count("\n") == 1
    )
    if more:
        return "" if result.exit_code == 2 and said else f"{1 + len(more)} pictures, exit code {result.exit_code}"
    return "" if result.exit_code == 0 else f"one picture ({first}), exit code {result.exit_code}"


@click.command()
@click.option("--count", type=click.IntRange(1), default=300, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(count: int, seed: int) -> None:
    """Print what went wrong how often; exit with 1 if anything did."""
    outcomes = Counter(case(number) or "as promised" for number in range(seed, seed + count))
    for kind, times in outcomes.most_common():
        click.echo(f"{times:5}  {kind}")
    sys.exit(bool(set(outcomes) - {"as promised"}))


if __name__ == "__main__":
    main()
