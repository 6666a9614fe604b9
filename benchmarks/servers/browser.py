"""The page beside Python: bytes of its first load, time to the first sample, milliseconds a decode, and every number.

    npm install --ignore-scripts --prefix examples/browser
    python -m benchmarks.servers.browser artifacts/mnist artifacts/mnist-2d

Needs Chromium and playwright. Prints Markdown; times are medians, in one run on one machine.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.testing import CliRunner

from tests.support.pages import BROWSER, browser, ready, served, tab
from vae_runtime import VAE, standard_normal, to_uint8
from vae_runtime.cli import main as vae_command

SEEDS, SAMPLES, LOADS, DECODES = range(32), 25, 5, 200

NUMBERS = """async ([seeds, samples]) => {
    const { opened } = await import("./main.js");
    const { standardNormal } = await import("./vae/maths/noise.js");
    const vae = await opened;
    const drawn = [];
    for (const seed of seeds) {
        const eps = standardNormal(samples, vae.latentSize, { seed });
        drawn.push([Array.from(eps), Array.from(await vae.sample(samples, { seed }))]);
    }
    return drawn;
}"""
TIMES = """async ([decodes]) => {
    const { opened } = await import("./main.js");
    const vae = await opened;
    const z = await vae.sampleLatents(1, { seed: 0 });
    const times = [];
    for (let i = 0; i < decodes; i++) {
        const begin = performance.now();
        await vae.decode(z);
        times.push(performance.now() - begin);
    }
    return times;
}"""


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(models: tuple[Path, ...]) -> None:
    """Measure the page of each model."""
    with browser() as chromium:
        for model in models:
            with _page(model) as (folder, address):
                click.echo(f"\n## {model.name}\n\n{_bytes(folder)}\n")
                click.echo(_measured(chromium, address, VAE.load(model, threads=1)))


def _measured(chromium: Any, address: str, vae: VAE) -> str:
    seconds = []
    for _ in range(LOADS):
        begin = time.perf_counter()
        with tab(chromium, address) as page:
            ready(page)
            seconds.append(time.perf_counter() - begin)
    with tab(chromium, address) as page:
        drawn = ready(page).evaluate(NUMBERS, [list(SEEDS), SAMPLES])
        script = np.median(page.evaluate(TIMES, [DECODES])[20:])
    z = vae.prior.from_noise(standard_normal(1, vae.latent_size, seed=0), batch_size=1)
    native = []
    for _ in range(DECODES):
        begin = time.perf_counter()
        vae.decode(z)
        native.append(1e3 * (time.perf_counter() - begin))
    differences = [_differences(vae, seed, *numbers) for seed, numbers in zip(SEEDS, drawn, strict=True)]
    ulp, level = (np.concatenate(part) for part in zip(*differences, strict=True))
    lines = [
        f"first sample on the screen {np.median(seconds):.2f} s after an empty profile opens the page (of {LOADS})",
        f"one decode: {script:.2f} ms in the browser, {np.median(native[20:]):.2f} ms in Python, one thread each",
        f"noise of seeds 0 to {SEEDS[-1]}: {_counted(ulp)} ulp",
        f"bytes of the images of {SAMPLES} samples of each: {_counted(level)}",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _counted(differences: Any) -> str:
    return f"{differences.size:,}, of which {np.count_nonzero(differences)} differ, by at most {differences.max()}"


def _differences(vae: VAE, seed: int, eps: list[float], images: list[float]) -> tuple[Any, Any]:
    """Units in the last place of the noise, and grey levels of the images, each number."""
    expected = standard_normal(SAMPLES, vae.latent_size, seed=seed).reshape(-1)
    ulp = np.abs(np.float32(eps).view(np.int32).astype(np.int64) - expected.view(np.int32))
    pixels = to_uint8(vae.sample(SAMPLES, seed=seed)).astype(int)
    return ulp, np.abs(to_uint8(np.float32(images).reshape(pixels.shape)) - pixels).reshape(-1)


def _bytes(folder: Path) -> str:
    """Bytes of what the first load fetches, as they lie and packed by gzip -6."""
    groups: dict[str, list[bytes]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name.startswith("golden") or path.name == "dense.js":
            continue  # fetched when asked for, or never
        name = path.relative_to(folder).as_posix()
        own = "the page itself" if name.endswith((".js", ".css", ".html")) and "engine-" not in name else name
        groups.setdefault(own, []).append(path.read_bytes())
    groups["all"] = [content for contents in list(groups.values()) for content in contents]
    lines = ["| file | bytes | gzip |", "| --- | --- | --- |"]
    for name, contents in groups.items():
        packed = sum(len(gzip.compress(content, 6)) for content in contents)
        lines.append(f"| {name} | {sum(map(len, contents)):,} | {packed:,} |")
    return "\n".join(lines)


@contextmanager
def _page(model: Path) -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "page"
        done = CliRunner().invoke(vae_command, ["web", str(folder), "-m", str(model), "--ort", str(BROWSER)])
        if done.exit_code:
            raise click.ClickException(done.output)
        with served(folder) as address:
            yield folder, address


if __name__ == "__main__":
    main()
