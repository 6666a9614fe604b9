"""Kill a training run again and again, at random instants: does it end as one that nobody killed?

    python -m fuzz.machine.training --kills 60

The run is resumed after each kill. In the end its weights must be, bit for bit, those of a run of the same config that
was left alone. Only steps before the first checkpoint are done again from nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

FIT = (sys.executable, "-m", "vae_runtime", "fit", "--threads", "1", "--device", "cpu")


@click.command()
@click.option("--kills", type=click.IntRange(1), default=60, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=400, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(kills: int, epochs: int, seed: int) -> None:
    """Print how the resumes went; exit with 1 if the weights differ."""
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        alone, killed = Path(scratch) / "alone", Path(scratch) / "killed"
        begin = ("--preset", "mlp-2d", "--data", "digits", "--epochs", str(epochs), "--out")
        started = time.monotonic()
        subprocess.run([*FIT, *begin, str(alone)], check=True, stderr=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        done = failed = resumed = 0
        while done < kills:
            command = [*FIT, "--resume", str(killed)] if _begun(killed) else [*FIT, *begin, str(killed)]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            try:
                _, said = process.communicate(timeout=float(random.uniform(1.5, 2 + seconds / 20)))
                failed += process.returncode != 0
                resumed += "Resuming" in said
                break
            except subprocess.TimeoutExpired:
                process.kill()
                _, said = process.communicate()
                done += 1
                resumed += "Resuming" in said
        if process.returncode != 0:
            last = subprocess.run([*FIT, "--resume", str(killed)], stderr=subprocess.PIPE, text=True)
            failed += last.returncode != 0
        same = all(
            (alone / name).read_bytes() == (killed / name).read_bytes()
            for name in ("last.safetensors", "best.safetensors")
        )
        left = [path.name for path in killed.iterdir() if path.name.endswith(".tmp")]
    click.echo(f"{done} kills, {resumed} resumed, {failed} failed, {len(left)} temporary files left")
    click.echo("the weights are the same, bit for bit" if same else "THE WEIGHTS DIFFER")
    sys.exit(bool(failed or left or not same))


def _begun(run: Path) -> bool:
    return any((run / name).exists() for name in ("last.safetensors", "previous.safetensors"))


if __name__ == "__main__":
    main()
