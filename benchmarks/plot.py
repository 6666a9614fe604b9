"""The picture of a run: microseconds an image by engine, and the roofline with the engines under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .measurements import Measurements


def plot(measured: Measurements, path: Path) -> None:
    """One thread: a row of bars for each model, batch 1 and 64, and the roofline beside them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    threads = measured.counts[0]
    figure, axes = plt.subplots(1, 1 + len(measured.work), figsize=(15, 5.5), layout="constrained")
    for axis, model in zip(axes, measured.work, strict=False):
        _bars(axis, measured, model, threads)
    _roof(axes[-1], measured, threads)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _bars(axis: Any, measured: Measurements, model: str, threads: int) -> None:
    engines = measured.timings[model, threads]
    names = list(engines)[::-1]
    for offset, batch, colour in ((0.2, 1, "#1f5c99"), (-0.2, 64, "#f28e2b")):
        if batch not in measured.batches:
            continue
        values = [engines[name][batch].microseconds for name in names]
        places = [index + offset for index in range(len(names))]
        axis.barh(places, values, height=0.38, color=colour, label=f"batch {batch}")
        for place, value in zip(places, values, strict=True):
            axis.text(value * 1.05, place, f"{value:,.0f}" if value >= 100 else f"{value:.1f}", va="center", fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 2)
    axis.set_xlabel("microseconds an image, log scale")
    axis.set_title(f"decoding {model}, {threads} thread{'s' * (threads > 1)}")
    axis.legend(loc="lower right")


def _roof(axis: Any, measured: Measurements, threads: int) -> None:
    peak = measured.peaks[threads]
    ridge = peak.gflops / peak.gbytes
    left, right = 0.1, 100.0
    axis.plot([left, ridge, right], [left * peak.gbytes, peak.gflops, peak.gflops], color="black")
    axis.text(right, peak.gflops * 1.08, f"{peak.gflops:.0f} GFLOP/s (float32)", ha="right", fontsize=8)
    axis.text(left * 1.2, left * peak.gbytes * 1.7, f"{peak.gbytes:.0f} GB/s", fontsize=8, rotation=38)
    colours = {"vae_runtime": "#1f5c99", "vae_runtime int8": "#f28e2b", "torch eager": "#c03028", "OpenVINO": "#59a14f"}
    for (model, count), engines in measured.timings.items():
        if count != threads:
            continue
        for batch, marker in ((1, "o"), (64, "s")):
            for name, colour in colours.items():
                if name in engines and batch in engines[name]:
                    speed = measured.work[model].flop / engines[name][batch].microseconds / 1e3
                    axis.plot(measured.work[model].intensity(batch), speed, marker, color=colour, markersize=7)
            place = measured.work[model].intensity(batch)
            axis.axvline(place, color="grey", linewidth=0.5, linestyle=":")
            side = "left" if model == min(measured.work) else "right"
            axis.text(
                place,
                0.012,
                f" {model}, batch {batch} ",
                rotation=90,
                fontsize=7,
                ha=side,
                va="bottom",
                transform=axis.get_xaxis_transform(),
            )
    for name, colour in colours.items():
        axis.plot([], [], "o", color=colour, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("FLOP a byte")
    axis.set_ylabel("GFLOP/s")
    axis.set_title(f"roofline, {threads} thread{'s' * (threads > 1)}")
    axis.legend(loc="upper left", fontsize=8)
