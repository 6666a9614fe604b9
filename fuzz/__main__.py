"""The short form of every fuzzer that needs nothing installed beside the development environment, one after the other.

    python -m fuzz
    python -m fuzz disks.folders machine

Some minutes; docs/RELIABILITY.md has the long forms, and those that need more (atheris, strace, other engines).
"""

from __future__ import annotations

import subprocess
import sys
import time

import click

SHORT: dict[str, tuple[str, ...]] = {
    "engines.arithmetic": (),
    "bad_inputs": (),
    "anomalies.calibrations": ("--rounds", "5"),
    "machine.costs": ("--only", "golden"),
    "engines.equality": ("--count", "3"),
    "engines.exports": ("--sound", "3", "--broken", "2"),
    "machine.extremes": (),
    "disks.folders": ("--rounds", "20"),
    "disks.models": ("artifacts/mnist-2d", "--count", "200"),
    "disks.names": ("--count", "5"),
    "disks.outputs": ("--count", "60"),
    "disks.pictures": ("--count", "200", "--extremes", "10"),
    "machine.planted": (),
    "machine.stopped": ("--count", "10"),
    "machine.streams": ("--count", "10"),
    "machine.threads": ("--runs", "200"),
    "disks.writers": ("--rounds", "2"),
}

ROOMS = sorted({name.partition(".")[0] for name in SHORT if "." in name})


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*SHORT, *ROOMS]))
def main(names: tuple[str, ...]) -> None:
    """Print a line for each, and all that it printed where it found something; exit with 1 if any did.

    NAMES are fuzzers or rooms of them; without any, all run.
    """
    failed = 0
    for name in [fuzzer for fuzzer in SHORT if not names or {fuzzer, fuzzer.partition(".")[0]} & {*names}]:
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"fuzz.{name}", *SHORT[name]], capture_output=True, text=True)
        verdict = "found something" if done.returncode else "nothing found"
        click.echo(f"{name:24} {time.monotonic() - begun:5.0f} s  {verdict}")
        if done.returncode:
            failed += 1
            click.echo(done.stdout + done.stderr)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
