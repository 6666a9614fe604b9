"""docs/PERFORMANCE.md, docs/performance.json and docs/performance.png from one run's figures."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from .engines.decoders import ENGINES
from .engines.interleave import ROUNDS, Timing
from .measurements import Measurements
from .plot import plot

FIRST = "vae_runtime"


def write(measured: Measurements, folder: Path) -> None:
    """Write all three files."""
    plot(measured, folder / "performance.png")
    (folder / "PERFORMANCE.md").write_text("\n".join(_markdown(measured)) + "\n", encoding="utf-8")
    (folder / "performance.json").write_text(json.dumps(_plain(vars(measured)), indent=1) + "\n", encoding="utf-8")


def _markdown(measured: Measurements) -> list[str]:
    return [
        "# Performance",
        "",
        "Written by `python -m benchmarks` (see benchmarks/), in one run on one machine. Times are its own; ratios are",
        f"taken round by round while the engines take turns ({ROUNDS} rounds), and carry over to machines like it.",
        "In each cell: microseconds an image, how many times slower than `vae_runtime` float32, and the quartiles of",
        "that over the rounds. Below 1 is faster. All run the same weights; their images were compared with torch's.",
        "",
        f"Machine: {_machine()}. {_versions()}.",
        "",
        "![speeds and roofline](performance.png)",
        "",
        *_speeds(measured),
        *_missing(measured),
        *_lessons(),
        *_processes(measured),
        *_roofline(measured),
        *_scaling(measured),
        *_training(measured),
    ]


def _speeds(measured: Measurements) -> list[str]:
    lines = []
    for (model, threads), engines in measured.timings.items():
        lines += [f"## Decoding, `{model}`, {threads} thread{'s' * (threads > 1)}", ""]
        lines += _table(
            ["engine", *(f"batch {batch}" for batch in measured.batches), "largest difference from torch"],
            [
                [
                    name,
                    *(_cell(name, timings[batch]) for batch in measured.batches),
                    f"{measured.differences[model, name]:.0e}",
                ]
                for name, timings in engines.items()
            ],
        )
    return lines


def _cell(name: str, timing: Timing) -> str:
    if name == FIRST:
        return f"{timing.microseconds:.1f}"
    return f"{timing.microseconds:.1f} · **{timing.ratio:.2f}** ({timing.low:.2f}-{timing.high:.2f})"


def _missing(measured: Measurements) -> list[str]:
    if not measured.missing:
        return []
    return [*(f"Did not run: {name} on {model}: {why}." for (model, name), why in measured.missing.items()), ""]


def _lessons() -> list[str]:
    """What the tables say, written by hand in benchmarks/reading.md."""
    return [(Path(__file__).parent / "reading.md").read_text(encoding="utf-8")]


def _processes(measured: Measurements) -> list[str]:
    sizes = {**measured.installed, "vae sample -n 1": measured.installed.get(FIRST)}
    base = measured.cold.get("vae sample -n 1")
    rows = []
    for name, cold in measured.cold.items():
        size = sizes.get(name)
        ratio = f"{cold.seconds / base.seconds:.1f}" if base else "-"
        rows.append(
            [f"`{name}`" if " -" in name else name, f"{cold.seconds:.2f}", ratio, f"{cold.megabytes:.0f}", _mb(size)]
        )
    return [
        "## A whole process that makes one sample",
        "",
        "From start to end, one thread: imports, model, one latent decoded, one PNG written. Installed: all",
        "distributions and all that they require, without compiled Python.",
        "",
        *_table(["process", "s", "times `vae sample -n 1`", "peak resident MB", "installed MB"], rows),
    ]


def _roofline(measured: Measurements) -> list[str]:
    rows = [
        [model, f"{work.flop / 1e6:.2f}", f"{work.weight_bytes / 1e3:.0f}", f"{work.activation_bytes / 1e3:.0f}"]
        + [f"{work.intensity(batch):.1f}" for batch in (1, 64)]
        for model, work in measured.work.items()
    ]
    peaks = "; ".join(
        f"{threads} thread{'s' * (threads > 1)}: {peak.gflops:.0f} GFLOP/s, {peak.gbytes:.0f} GB/s"
        for threads, peak in measured.peaks.items()
    )
    return [
        "## Roofline",
        "",
        f"Measured peaks of float32 (a large matrix product, a large copy): {peaks}. In the plot, points stand",
        "at a model's FLOP for each byte that must move if every tensor is written and read once.",
        "",
        *_table(
            ["decoder", "MFLOP a sample", "kB of weights", "kB of activations", "FLOP a byte, batch 1", "batch 64"],
            rows,
        ),
    ]


def _scaling(measured: Measurements) -> list[str]:
    scaling = measured.scaling
    if not scaling:
        return []
    before, after = scaling["resident MB before and after 512 images"]
    grown, two_threads = scaling["microseconds a sample"], scaling["two threads at batch 64"]
    return [
        "## The package around the engine",
        "",
        "Times the bare session: checks, noise and copies included (`sample`: the bare sessions of prior and decoder).",
        "",
        *_table(
            ["", "batch 1", "batch 64"],
            [
                [f"`{verb}`", *(f"{scaling['wrapper'][batch][verb]:.3f}" for batch in (1, 64))]
                for verb in ("decode", "sample")
            ],
        ),
        f"Two threads at batch 64: {two_threads:.2f} times the speed of one. A call of 512 images",
        f"and its reconstruction left {after - before:.1f} MB behind ({before:.1f} before, {after:.1f} after).",
        "",
        "Microseconds a sample, one thread: " + ", ".join(f"{n:,}: {time:.0f}" for n, time in grown.items()) + ".",
        "",
    ]


def _training(measured: Measurements) -> list[str]:
    if not measured.training:
        return []
    first: dict[str, float] = {}
    rows = []
    for name, speed in measured.training.items():
        shape, _, who = name.partition(": ")
        first.setdefault(shape, speed)
        rows.append([shape, who, f"{speed:,.0f}", f"{first[shape] / speed:.2f}"])
    return [
        "## Training",
        "",
        "Images a second on all processors, in turns: our loop; the loop of the tutorials (DataLoader, item",
        "by item, Adam as it comes) on the same network; Keras `fit` with the VAE class of its own example.",
        "",
        *_table(["network", "loop", "images a second", "ours is faster by"], rows),
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def _mb(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    sets = [name for name in ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp") if name in flags]
    dots = "" if any("vnni" in name or name == "asimddp" for name in sets) else ", no integer dot products"
    return f"{model or platform.processor()}, {os.cpu_count()} processors, {', '.join(sets)}{dots}"


def _versions() -> str:
    names = sorted(
        {name for _, distributions in ENGINES.values() for name in distributions} - {"pillow", "safetensors"}
    )
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} is not installed")
    return f"Python {platform.python_version()}, " + ", ".join(versions)


def _plain(value: Any) -> Any:
    """Tuples as keys become text, dataclasses and named tuples dictionaries."""
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if dataclasses.is_dataclass(value):
        return _plain(vars(value))
    if isinstance(value, dict):
        return {
            ", ".join(map(str, key)) if isinstance(key, tuple) else str(key): _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
