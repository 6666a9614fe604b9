"""What hostile models cost whoever opens, checks and uses them: seconds and memory, each in a process of its own.

    python -m fuzz.machine.costs
    python -m fuzz.machine.costs --random 300

Nothing may take more than 10 seconds or 1 GiB, whether it is refused or not, nor more memory than was computed for it;
golden vectors that are none of the format must be refused.
Without --random these are the graphs of `fuzz/engines/expensive.py` and `tests/support/hostile_graphs.py` and the
folders of `fuzz/disks/hostile_folders.py`; with it, random graphs (`fuzz/engines/random_graphs.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

SECONDS = 10.0
LIMIT = 60.0  # seconds, after which a process is ended

# Of the process: `VAE.load`, `verify`, and a call. Not by fork, which would count this process's own memory.
PROGRAM = """
import re, sys, time
from pathlib import Path
from vae_runtime import VAE, VAEError
from vae_runtime.checks.verify import verify

folder, vae, said, times = Path(sys.argv[1]), None, "", []
def run(name, call):
    global said
    begun = time.perf_counter()
    try:
        call()
    except VAEError as error:
        said = said or f"{name}: {error}"
    except MemoryError:
        said = "foreign MemoryError"
    times.append(time.perf_counter() - begun)
def load():
    global vae
    vae = VAE.load(folder, threads=2)
run("load", load)
def check():
    if not verify(folder, providers="cpu", threads=2, precision="float32").passed:
        raise VAEError("golden vectors too far")
run("verify", check)
bound = 2**30
if vae:
    run("sample", lambda: vae.sample(8))
    try:
        from vae_runtime.model.folder import memory
        bound = memory(folder, "float32", vae.manifest.digest)
    except ImportError:  # an earlier version
        pass
status = Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status).group(1)) * 1024
print(*(f"{seconds:.2f}" for seconds in times), bound, peak, said or "passed", sep="\\t")
"""


class Cost(NamedTuple):
    """What became of a folder, and what it took."""

    name: str
    seconds: tuple[float, ...]  # of load, verify, and 8 samples where it was not refused
    bound: int  # bytes that it was said to need at most
    peak: int  # bytes that it took
    answer: str

    @property
    def good(self) -> bool:
        """Within the limits, and nothing that nobody promised."""
        wrong = self.answer.startswith("foreign") or (self.name.startswith("golden") and self.answer == "passed")
        return max(self.seconds) <= SECONDS and self.peak <= self.bound and not wrong


def cost(name: str, folder: Path) -> Cost:
    """Open, check and use a folder in a new process, which finds the package of PYTHONPATH if there is one."""
    command = [sys.executable, "-P", "-c", PROGRAM, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env={**os.environ})
    except subprocess.TimeoutExpired:
        return Cost(name, (LIMIT,), 0, 0, "did not end")
    if done.returncode:
        return Cost(name, (0.0,), 0, 0, f"foreign {done.returncode}: {done.stderr.strip()[-200:]}")
    *seconds, bound, peak, answer = done.stdout.rstrip("\n").split("\t")
    return Cost(name, tuple(map(float, seconds)), int(bound), int(peak), answer)


def cases(scratch: Path) -> Iterator[tuple[str, Path]]:
    """Hostile folders, one at a time."""
    from tests.support.hostile_graphs import CHANGES

    from ..disks import hostile_folders
    from ..engines import expensive

    folder = scratch / "model"
    for name, made in expensive.GRAPHS.items():
        yield name, hostile_folders.write(folder, made())
    for name, change in CHANGES.items():
        graph = expensive.graph([], {})
        graph.ParseFromString(expensive.sound_decoder())
        change(graph)
        yield f"graph: {name}", hostile_folders.write(folder, graph.SerializeToString())
    hostile_folders.write(folder, expensive.sound_decoder())
    for name, content in hostile_folders.goldens((folder / "golden.npz").read_bytes()).items():
        yield f"golden vectors {name}", hostile_folders.put(folder, "golden.npz", content)
    for name, change_of in hostile_folders.FOLDERS.items():
        hostile_folders.write(folder, expensive.sound_decoder())
        change_of(folder)
        yield name, folder


def random_cases(scratch: Path, count: int, seed: int) -> Iterator[tuple[str, Path]]:
    """Folders with random decoders, one at a time."""
    from ..disks.hostile_folders import write
    from ..engines.random_graphs import random_decoder

    for number in range(seed, seed + count):
        if content := random_decoder(number):
            yield f"random {number}", write(scratch / "model", content)


@click.command()
@click.option("--random", "count", type=click.IntRange(0), default=0, help="So many random decoders.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first of them.")
@click.option("--only", default="", help="Cases whose name has this in it.")
def main(count: int, seed: int, only: str) -> None:
    """Print what each takes; exit with 1 if any takes too much."""
    costs = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder in random_cases(Path(scratch), count, seed) if count else cases(Path(scratch)):
            if only not in name:
                continue
            costs.append(cost(name, folder))
            seconds = " ".join(f"{second:6.2f}" for second in costs[-1].seconds)
            mark = " " if costs[-1].good else "X"
            megabytes = f"{costs[-1].peak / 1e6:5.0f} of {costs[-1].bound / 1e6:5.0f} MB"
            click.echo(f"{mark} {seconds:20} s {megabytes}  {name}: {costs[-1].answer[:150]}")
    bad = [item for item in costs if not item.good]
    slowest, largest = (max(costs, key=key) for key in (lambda item: max(item.seconds), lambda item: item.peak))
    click.echo(f"{len(costs)} models, {len(bad)} beyond {SECONDS:g} s or their memory.")
    click.echo(
        f"Slowest: {max(slowest.seconds):.1f} s, {slowest.name}. Largest: {largest.peak / 1e6:.0f} MB, {largest.name}."
    )
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
