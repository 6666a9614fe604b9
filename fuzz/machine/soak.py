"""Hours of mixed requests to one model: does memory grow, do calls get slower, does an answer change?

python -m fuzz.machine.soak --minutes 20
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import numpy as np

from vae_runtime import VAE, InputError

EVERY = 100  # requests between two looks at the memory


@click.command()
@click.option("-m", "--model", type=click.Path(path_type=Path), default=Path("artifacts/mnist"), show_default=True)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=20, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
def main(model: Path, minutes: float, threads: int) -> None:
    """Print memory and latency after a warm-up of a tenth, and at the end; exit with 1 if an answer changed."""
    vae, random = VAE.load(model, threads=threads), np.random.default_rng(0)
    known = vae.sample(32, seed=1)
    scores = vae.score(known)
    begun, requests, changed = time.monotonic(), 0, 0
    # Of single images: when, and how long. Made beforehand, for what is kept here would look like a leak.
    times, timed = np.zeros((1_000_000, 2)), 0
    times[:] = np.nan
    memory: list[tuple[float, float]] = []
    while (now := time.monotonic() - begun) < 60 * minutes:
        requests += 1
        n = int(random.integers(1, 33))
        kind = requests % 5
        if kind == 0:
            changed += not np.array_equal(vae.sample(n, seed=1), known[:n])
        elif kind == 1:
            changed += not np.array_equal(vae.score(known[:n]), scores[:n])
        elif kind == 2:
            vae.anomaly_map(known[:n])
        elif kind == 3:
            started = time.perf_counter()
            vae.decode(vae.encode(known[:1]).mean)
            times[timed % len(times)] = now, time.perf_counter() - started
            timed += 1
        else:
            try:
                vae.encode(np.full((n, 1, 28, 28), np.nan, np.float32))
                changed += 1
            except InputError:
                pass
        if requests % EVERY == 0:
            memory.append((now, _resident()))
    warm = 6 * minutes
    settled = [size for when, size in memory if when > warm]
    when, seconds = times.T
    early, late = seconds[(warm < when) & (when <= 2 * warm)], seconds[when > 9 * warm]
    click.echo(f"{requests:,} requests in {minutes:g} minutes, {changed} answers changed")
    click.echo(f"memory {settled[0]:.1f} MB after the warm-up, {settled[-1]:.1f} MB at the end")
    for name, share in (("median", 50), ("p99", 99)):
        first, last = (float(np.percentile(part, share)) * 1e3 for part in (early, late))
        click.echo(f"{name} of one image {first:.3f} ms early, {last:.3f} ms late")
    sys.exit(changed > 0)


def _resident() -> float:
    """MB of this process in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
