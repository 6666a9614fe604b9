"""What the package adds to its engine, how time grows with the number of samples, what memory large calls take."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from vae_export.int8.speed import speed_ratio

from vae_runtime import VAE, standard_normal
from vae_runtime.model.sessions import import_onnxruntime

_MEMORY = """
import json, sys
from vae_runtime import VAE
from vae_runtime.checks.bench import resident_mb
vae = VAE.load(sys.argv[1], threads=1)
vae.decode(vae.encode(vae.sample(1)).mean)
before = resident_mb()
images = vae.sample(512)
vae.reconstruct(images)
del images
after = resident_mb()
print(json.dumps([before, after]))
"""


def measure_scaling(folder: Path) -> dict[str, Any]:
    """All of it, by name."""
    one, two = VAE.load(folder, threads=1), VAE.load(folder, threads=2)
    return {
        "wrapper": {batch: _wrapper(folder, one, batch) for batch in (1, 64)},
        "two threads at batch 64": speed_ratio(lambda: one.sample(64), lambda: two.sample(64), 3),
        "microseconds a sample": {n: _per_sample(one, n) for n in (10, 100, 1000, 10_000, 100_000)},
        "resident MB before and after 512 images": _in_process(_MEMORY, folder),
    }


def _wrapper(folder: Path, vae: VAE, batch: int) -> dict[str, float]:
    """Medians of rounds' ratios: decode to a bare session, sample to the bare sessions of prior and decoder."""
    noise = standard_normal(batch, vae.latent_size, seed=0)
    graphs = vae.manifest.graphs
    decoder = _bare_session(folder / graphs["decoder"]["float32"].file)
    learned = graphs.get("prior_sample")
    prior = _bare_session(folder / learned["float32"].file) if learned else None
    z = vae.prior.from_noise(noise, batch_size=batch)

    def bare() -> None:
        decoder.run(("images",), {"z": prior.run(("z",), {"eps": noise})[0] if prior else noise})

    calls = 200 if batch == 1 else 6
    return {
        "decode": 1 / speed_ratio(lambda: decoder.run(("images",), {"z": z}), lambda: vae.decode(z), calls),
        "sample": 1 / speed_ratio(bare, lambda: vae.sample(batch), calls),
    }


def _bare_session(path: Path) -> Any:
    """The engine alone, as it comes but for its threads."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _per_sample(vae: VAE, n: int) -> float:
    times = []
    for _ in range(1 if n > 10_000 else 3 if n > 1000 else 9):
        start = time.perf_counter()
        vae.sample(n)
        times.append((time.perf_counter() - start) / n * 1e6)
    return statistics.median(times)


def _in_process(code: str, *arguments: object) -> Any:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
