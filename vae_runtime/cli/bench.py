"""`vae bench`: this model on this machine, measured."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import click

from ..console import say, show, show_json
from ..progress import progress
from .options import PROVIDER, model_option
from .unlike import say_built_in

if TYPE_CHECKING:
    from ..checks.bench import Advice, Speed, Start
    from ..model.manifest import Manifest


@click.command()
@model_option
@click.option(
    "--provider", "providers", type=PROVIDER, multiple=True, default=["cpu"], show_default=True, help="Repeatable."
)
@click.option("--precision", "precisions", multiple=True, help="Repeatable.  [default: all that the model has]")
@click.option("--threads", multiple=True, type=click.IntRange(1), help="Repeatable.  [default: 1 and all available]")
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1), default=[1, 8, 64], show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.001), default=0.5, show_default=True, help="For each line of the table."
)
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")
def bench(
    path: str | None,
    providers: tuple[str, ...],
    precisions: tuple[str, ...],
    threads: tuple[int, ...],
    batches: tuple[int, ...],
    seconds: float,
    as_json: bool,
) -> None:
    """Measure latency, throughput, loading and memory here.

    It ends with the way to run the model. All lines are measured in turns, so that their ratios hold while the machine
    does other things too.

    \b
    Example:
      vae bench --batch 1 --batch 16
    """
    from ..checks.bench import ROUNDS, Setup, advise, measure_speeds, measure_start, turns
    from ..model import manifest as manifests
    from ..model.location import locate
    from ..threads import available_processors

    folder = locate(path)
    manifest = manifests.read(folder)
    if path is None:
        say_built_in(manifest)
    sizes, every = sorted(set(batches)), available_processors()
    asked = itertools.product(providers, precisions or manifest.precisions, threads or (1, every))
    setups = list(dict.fromkeys(Setup(*setup) for setup in asked))
    starts = [measure_start(folder, setup, sizes[-1]) for setup in setups]
    say(f"Measuring for {turns(setups, sizes) * seconds / ROUNDS:.0f} s …")
    with progress(turns(setups, sizes), "measurements") as line:
        speeds = measure_speeds(folder, setups, sizes, seconds=seconds, tick=line.add)
    advice = advise(speeds, Setup(providers[0], "float32", every))
    if as_json:
        show_json(_as_json(manifest, starts, speeds, advice))
        return
    for text in (*_speed_table(speeds), "", *_start_table(starts), "", *_sentences(advice, manifest)):
        show(text)


def _speed_table(speeds: list[Speed]) -> list[str]:
    best = {(speed.verb, speed.batch): 0.0 for speed in speeds}
    for speed in speeds:
        best[speed.verb, speed.batch] = max(best[speed.verb, speed.batch], speed.images_per_second)
    lines = ["method   batch  provider  precision  threads    p50 ms    p95 ms    p99 ms    images/s"]
    for speed in speeds:
        mark = "  fastest" if speed.images_per_second == best[speed.verb, speed.batch] else ""
        lines.append(
            f"{speed.verb:8} {speed.batch:5}  {_named(speed)}  {speed.p50_ms:8.3f}  {speed.p95_ms:8.3f}"
            f"  {speed.p99_ms:8.3f}  {speed.images_per_second:10,.0f}{mark}"
        )
    return lines


def _start_table(starts: list[Start]) -> list[str]:
    lines = ["a fresh process  provider  precision  threads   load ms  1st sample ms  MB loaded  MB after a batch"]
    for start in starts:
        lines.append(
            f"{'':15}  {_named(start)}  {start.load_ms:8.1f}  {start.first_sample_ms:13.1f}"
            f"  {_mb(start.loaded_mb):>9}  {_mb(start.after_batch_mb):>16}"
        )
    return lines


def _sentences(advice: list[Advice], manifest: Manifest) -> list[str]:
    lines = []
    for work, setup, batch, times in advice:
        options = f"--precision {setup.precision} --threads {setup.threads}, batch {batch}"
        if setup.provider != "cpu":
            options = f"--provider {setup.provider} {options}"
        lines.append(f"For {work}: {options} ({times:.2f} times float32 on all threads).")
    loss, count = (manifest.training.get(f"int8_{name}") for name in ("elbo_loss_nats", "test_images"))
    # Figures for people: nothing says what they are, and what is no number is not said.
    if type(loss) in (int, float) and any(item.setup.precision == "int8" for item in advice):
        where = f"on {count:,} test images" if type(count) is int else "at export"
        lines.append(f"int8 costs {loss:g} nats of the ELBO, measured {where}.")
    return lines


def _named(row: Speed | Start) -> str:
    return f"{row.setup.provider:8}  {row.setup.precision:9}  {row.setup.threads:7}"


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _as_json(manifest: Manifest, starts: list[Start], speeds: list[Speed], advice: list[Advice]) -> dict[str, Any]:
    def flat(row: Start | Speed | Advice) -> dict[str, Any]:
        return {**row.setup._asdict(), **{name: value for name, value in row._asdict().items() if name != "setup"}}

    return {
        "model": manifest.name,
        "pair_id": manifest.pair_id,
        "speeds": [flat(speed) for speed in speeds],
        "starts": [flat(start) for start in starts],
        "advice": [flat(item) for item in advice],
    }
