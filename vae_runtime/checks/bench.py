"""How fast this machine runs this model, how it starts, and which precision, threads and batch to use here."""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..errors import ProviderError, VAEError
from ..vae import VAE
from .child import ask
from .probe import likely_images, made_images

VERBS = ("sample", "encode", "score")
VERBS_WITHOUT_PRIOR = ("decode", "encode", "score")  # where there is nothing to sample from
START_SECONDS = 600.0  # until a fresh process that does not answer is given up
ROUNDS = 10  # all cells in turns, so that what else the machine does meets each of them


class Setup(NamedTuple):
    """One way to run the model."""

    provider: str
    precision: str
    threads: int


class Start(NamedTuple):
    """A fresh process with one setup: milliseconds, and resident memory in MB where the system tells it."""

    setup: Setup
    load_ms: float
    first_sample_ms: float
    loaded_mb: float | None
    after_batch_mb: float | None


class Speed(NamedTuple):
    """One method at one batch size: milliseconds a call, and images a second over all calls."""

    setup: Setup
    verb: str
    batch: int
    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    images_per_second: float


class Advice(NamedTuple):
    """The best setup for a kind of work, and how many times as fast it is as float32 on all threads, the default."""

    work: str
    setup: Setup
    batch: int
    times: float


def measure_start(folder: Path, setup: Setup, batch: int) -> Start:
    """Load, draw one sample, then a batch, in a process of its own; its death is a ProviderError."""
    tried = f"the process that tried {' '.join(map(str, setup))}"
    try:
        outcome = ask(__name__, seconds=START_SECONDS, folder=str(folder), setup=setup, batch=batch)
    except TimeoutExpired:
        raise ProviderError(f"{tried} did not answer within {START_SECONDS:g} seconds and was stopped.") from None
    if not outcome.answered:
        raise ProviderError(f"{tried} died{f' ({outcome.said})' if outcome.said else ''}.")
    if "error" in outcome.answer:
        raise getattr(errors, outcome.answer["error"])(outcome.answer["message"])
    return Start(setup, **outcome.answer)


def turns(setups: Sequence[Setup], batches: Sequence[int]) -> int:
    """How often `measure_speeds` calls `tick`."""
    return ROUNDS * len(VERBS) * len(batches) * len(setups)


def measure_speeds(
    folder: Path,
    setups: Iterable[Setup],
    batches: Iterable[int],
    *,
    seconds: float,
    verbs: Iterable[str] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> list[Speed]:
    """Run every method with every setup and batch size for about `seconds` each, in turns; `tick` after each turn.

    verbs: of `VAE`; None is `VERBS`, or what stands in its place for a model without a prior.
    """
    models = {setup: _load(folder, setup) for setup in setups}
    if verbs is None:
        has_prior = all(vae.manifest.has_prior for vae in models.values())
        verbs = VERBS if has_prior else VERBS_WITHOUT_PRIOR
    cells = list(itertools.product(verbs, batches, models))
    calls = {cell: _call(models[cell[2]], cell[0], cell[1]) for cell in cells}
    times: dict[tuple[str, int, Setup], list[float]] = {cell: [] for cell in cells}
    for _ in range(ROUNDS):
        for cell in cells:
            calls[cell]()  # the caches are another cell's
            end = time.perf_counter() + seconds / ROUNDS
            while True:
                begin = time.perf_counter()
                calls[cell]()
                now = time.perf_counter()
                times[cell].append(now - begin)
                if now >= end:
                    break
            tick()
    return [_speed(setup, verb, batch, times[verb, batch, setup]) for verb, batch, setup in cells]


def advise(speeds: list[Speed], default: Setup) -> list[Advice]:
    """For one image at a time the least median, for many the most images a second: geometric means over methods."""
    one = min(speed.batch for speed in speeds)
    latency = _best([speed for speed in speeds if speed.batch == one], default, "one image at a time", _per_call)
    return [latency, _best(speeds, default, "many images", _per_image)]


def _best(speeds: list[Speed], default: Setup, work: str, cost: Callable[[Speed], float]) -> Advice:
    costs: dict[tuple[Setup, int], list[float]] = {}
    for speed in speeds:
        costs.setdefault((speed.setup, speed.batch), []).append(math.log(cost(speed)))
    means = {way: statistics.fmean(logs) for way, logs in costs.items()}
    setup, batch = min(means, key=lambda way: means[way])
    usual = min((mean for way, mean in means.items() if way[0] == default), default=means[setup, batch])
    return Advice(work, setup, batch, math.exp(usual - means[setup, batch]))


def _per_call(speed: Speed) -> float:
    return speed.p50_ms


def _per_image(speed: Speed) -> float:
    return 1 / speed.images_per_second


def _load(folder: Path, setup: Setup) -> VAE:
    return VAE.load(folder, providers=setup.provider, precision=setup.precision, threads=setup.threads)


def _call(vae: VAE, verb: str, batch: int) -> Callable[[], object]:
    if verb == "sample":
        return lambda: vae.sample(batch, batch_size=batch)
    if verb == "decode":
        return lambda: made_images(vae, batch, batch_size=batch)
    images, method = likely_images(vae, batch), getattr(vae, verb)
    return lambda: method(images, batch_size=batch)


def _speed(setup: Setup, verb: str, batch: int, seconds: list[float]) -> Speed:
    p50, p95, p99 = (float(np.percentile(seconds, share)) * 1000 for share in (50, 95, 99))
    return Speed(setup, verb, batch, len(seconds), p50, p95, p99, batch * len(seconds) / sum(seconds))


def answer(folder: str, setup: list[Any], batch: int) -> dict[str, Any]:
    """In the fresh process: the figures of its start, or the error, as JSON can say it."""
    try:
        begin = time.perf_counter()
        vae = _load(Path(folder), Setup(*setup))
        loaded = time.perf_counter()
        made_images(vae, 1)
        sampled = time.perf_counter()
        loaded_mb = resident_mb()
        vae.reconstruct(likely_images(vae, batch), batch_size=batch)
    except VAEError as error:
        return {"error": type(error).__name__, "message": str(error)}
    milliseconds = {"load_ms": (loaded - begin) * 1000, "first_sample_ms": (sampled - loaded) * 1000}
    return {**milliseconds, "loaded_mb": loaded_mb, "after_batch_mb": resident_mb()}


def resident_mb() -> float | None:
    """This process's resident memory; None where the system has no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
