"""Images a second through `vae score`, Ray Data and Spark on this machine's processors: the figures of docs/SCALING.md.

    python -m benchmarks.servers.batch_engines -m artifacts/mnist --rounds 3

Needs examples/requirements.txt. Every way scores the same pictures, a few and many of them; the rate is that of the
difference, the start is what the few took beyond it. Scores are compared bit for bit with those of one process. Ways
take turns, so that what else the machine does meets all alike; core-hours are of processor time, of all processes of
a way, which hangs less on what else runs than seconds do.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FEW, MANY = 1000, 9000
PARTS = 16  # files of a table
ENGINE = "BATCH_ENGINES_BENCHMARK=1"  # in the environment of all processes that an engine starts
VAE = [sys.executable, "-m", "vae_runtime"]

# name -> (engine, workers, what it reads)
WAYS = {
    "vae score, bound to one core": ("vae", 1, "png"),
    "vae score --threads 2": ("threads", 2, "png"),
    "two vae score --shard, --threads 1": ("shards", 2, "png"),
    "Ray, one actor, PNG files": ("ray", 1, "png"),
    "Ray, two actors, PNG files": ("ray", 2, "png"),
    "Ray, two actors, PNG in Parquet": ("ray", 2, "table"),
    "Ray, two actors, uint8 in Parquet": ("ray", 2, "raw"),
    "Spark, local[1], PNG files": ("spark", 1, "png"),
    "Spark, local[2], PNG files": ("spark", 2, "png"),
    "Spark, local[2], PNG in Parquet": ("spark", 2, "table"),
}


def make_sources(model: Path, place: Path) -> None:
    """Samples of the model, few and many: PNG files, Parquet with the PNGs, Parquet with their pixels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vae_runtime.pictures.reading import read_picture

    for size, count in (("few", FEW), ("many", MANY)):
        folder = place / f"png-{size}"
        subprocess.run([*VAE, "sample", "-m", model, "-n", str(count), "-o", f"{folder}/"], check=True)
        paths = sorted(folder.iterdir())
        names, contents = [path.name for path in paths], [path.read_bytes() for path in paths]
        pixels = [read_picture(content).tobytes() for content in contents]
        tables = {"table": pa.array(contents), "raw": pa.array([list(part) for part in pixels], pa.list_(pa.uint8()))}
        for name, column in tables.items():
            table, step = pa.table({"path": names, "image": column}), -(-count // PARTS)
            (place / f"{name}-{size}").mkdir()
            for part in range(PARTS):  # one small file would be one partition, and one worker's
                pq.write_table(table.slice(part * step, step), place / f"{name}-{size}" / f"{part}.parquet")


def source(place: Path, kind: str, size: str) -> str:
    """Where a source lies."""
    return str(place / f"{kind}-{size}")


def score_by_verb(model: Path, folder: str, out: Path, engine: str) -> None:
    """`vae score`: one process on one core, or on all; or two, each with half of the pictures."""
    threads = "2" if engine == "threads" else "1"
    command = [*VAE, "score", folder, "-m", str(model), "--threads", threads, "--format", "jsonl"]
    shards = [["--shard", f"{part}/2"] for part in (1, 2)] if engine == "shards" else [[]]
    bind = (lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})) if engine == "vae" else None
    out.mkdir()
    files = [(out / f"{number}.jsonl").open("wb") for number in range(len(shards))]
    running = [
        subprocess.Popen([*command, *shard], stdout=file, stderr=subprocess.DEVNULL, preexec_fn=bind)
        for shard, file in zip(shards, files, strict=True)
    ]
    if any([process.wait() for process in running]):
        raise RuntimeError("vae score failed")


def engine_job(engine: str, workers: int, model: Path) -> Callable[[str, Path], None]:
    """Connect; the job that scores a source into a folder."""
    if engine == "ray":
        from examples import ray_score

        ray_score.connect(workers)
        return lambda path, out: ray_score.score(path, str(out), model=str(model), actors=workers)
    from examples import spark_encode
    from vae_runtime.batch import Scorer

    spark = spark_encode.connect(workers)
    return lambda path, out: spark_encode.encode(spark, path, str(out), model=str(model), stage=Scorer)


class ProcessorTime:
    """Processor seconds of this process's tree, engines' servers included: looked up four times a second.

    Ray lets workers go that nobody waits for, so their time is in no parent's sum.
    """

    def __init__(self) -> None:
        self._ticks: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def seconds(self) -> float:
        """Until now."""
        self._look()
        waited = resource.getrusage(resource.RUSAGE_CHILDREN)
        verbs = waited.ru_utime + waited.ru_stime  # they ended, and were waited for
        return time.process_time() + verbs + sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(0.25)

    def _look(self) -> None:
        with self._lock:
            ours: set[str] = set()
            for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
                try:
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    # Ray's workers write their titles over their environment; their parent's is whole.
                    if fields[1] in ours or ENGINE.encode() in (process / "environ").read_bytes():
                        ours.add(process.name)
                        self._ticks[process.name, fields[19]] = int(fields[11]) + int(fields[12])
                except OSError:  # it is gone, or another user's
                    pass


def measure(engine: str, workers: int, kind: str, model: Path, place: Path, out: Path) -> dict[str, float]:
    """Run a few, a few again and many; rate and processor time are of what many took beyond few."""
    begin = time.perf_counter()
    if engine in ("ray", "spark"):
        os.environ.update([ENGINE.split("=")])
        job = engine_job(engine, workers, model)
    else:
        job = lambda path, folder: score_by_verb(model, path, folder, engine)  # noqa: E731 - one line says it
    connected = time.perf_counter() - begin
    clock, seconds, used = ProcessorTime(), [], []
    for number, size in enumerate(("few", "few", "many")):
        begin, before = time.perf_counter(), clock.seconds()
        job(source(place, kind, size), out / str(number))
        seconds.append(time.perf_counter() - begin)
        used.append(clock.seconds() - before)
    rate = (MANY - FEW) / (seconds[2] - seconds[1])
    cost = (used[2] - used[1]) / (MANY - FEW) * 1e6
    return {"rate": rate, "start": connected + seconds[0] - FEW / rate, "microseconds": cost}


def scores_in(folder: Path) -> dict[str, float]:
    """The score of each file name; none comes twice."""
    import pyarrow.parquet as pq

    if list(folder.glob("*.jsonl")):
        rows = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    else:
        rows = pq.read_table(folder).to_pylist()
    scores = {Path(row["path"]).name: row.get("score", row.get("score_nats")) for row in rows}
    assert len(scores) == len(rows) == MANY, (len(scores), len(rows))
    return scores


def stages_of_one_image(model: Path, place: Path) -> dict[str, float]:
    """Microseconds an image takes in each part of scoring, one thread, medians."""
    import numpy as np

    from vae_runtime import VAE as Model
    from vae_runtime import from_uint8
    from vae_runtime.batch import Scorer
    from vae_runtime.batch.rows import read_row

    vae, paths = Model.load(model, threads=1), sorted((place / "png-few").iterdir())[:512]
    spec, contents = vae.manifest.image, [path.read_bytes() for path in paths]
    images = [read_row(content, spec) for content in contents]
    pixels = [(image * 255).round().astype("uint8") for image in images]
    batch = from_uint8(np.stack(pixels))
    mean = vae.encode(batch).mean
    parts: dict[str, Callable[[], Any]] = {
        "open and read a file": lambda: [path.read_bytes() for path in paths],
        "decode and fit a PNG": lambda: [read_row(content, spec) for content in contents],
        "the same of uint8 pixels": lambda: [read_row(row, spec) for row in pixels],
        "encoder": lambda: vae.encode(batch),
        "decoder": lambda: vae.decode(mean),
        "score, with both": lambda: vae.score(batch),
    }
    stage = Scorer(model=model)
    parts["a Scorer's batch of uint8"] = lambda: stage({"image": pixels})
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(7):
        for name, part in parts.items():
            begin = time.perf_counter()
            part()
            seconds[name].append((time.perf_counter() - begin) / len(paths) * 1e6)
    return {name: statistics.median(times) for name, times in seconds.items()}


@click.command()
@click.option("-m", "--model", type=click.Path(path_type=Path), default=Path("artifacts/mnist"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--only", default="", help="Ways whose name holds this.")
@click.option("--job", type=(str, int, str, click.Path(path_type=Path), click.Path(path_type=Path)), hidden=True)
def main(model: Path, rounds: int, only: str, job: tuple[str, int, str, Path, Path] | None) -> None:
    """Measure, compare and print tables."""
    model = model.absolute()
    if job:
        engine, workers, kind, place, out = job
        print("FOUND " + json.dumps(measure(engine, workers, kind, model, place, out)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        report(model, Path(scratch), {name: way for name, way in WAYS.items() if only in name}, rounds)


def report(model: Path, place: Path, ways: dict[str, tuple[str, int, str]], rounds: int) -> None:
    """All ways in turns."""
    make_sources(model, place)
    sizes = {
        kind: sum(path.stat().st_size for path in (place / f"{kind}-many").iterdir())
        for kind in ("png", "table", "raw")
    }
    print("\n| part | microseconds an image |\n| --- | --- |")
    for name, microseconds in stages_of_one_image(model, place).items():
        print(f"| {name} | {microseconds:.1f} |")
    expected: dict[str, float] = {}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, (engine, workers, kind) in ways.items():
            out = place / "out"
            out.mkdir()
            command = [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "benchmarks.servers.batch_engines",
                "-m",
                str(model),
                "--job",
            ]
            result = subprocess.run(
                [*command, engine, str(workers), kind, str(place), str(out)],
                capture_output=True,
                text=True,
            )
            lines = [line for line in result.stdout.splitlines() if line.startswith("FOUND ")]
            if not lines:
                raise RuntimeError(f"{name}: {result.stderr[-2000:]}")
            runs[name].append(json.loads(lines[-1].removeprefix("FOUND ")))
            scores = scores_in(out / "2")
            expected = expected or scores
            assert scores == expected, f"{name}: other scores"
            shutil.rmtree(out)
            load = os.getloadavg()[0]
            print(f"  round {number + 1} of {rounds}, load {load:.1f}: {name}: {runs[name][-1]}", file=sys.stderr)
    print("\nBytes an image: " + ", ".join(f"{kind} {size / MANY:.0f}" for kind, size in sizes.items()))
    print("\n| way | images a second | times the first | core-hours a million | seconds before the first image |")
    print("| --- | --- | --- | --- | --- |")
    first = [run["rate"] for run in runs[next(iter(ways))]]
    for name in ways:
        ratios = sorted(run["rate"] / base for run, base in zip(runs[name], first, strict=True))
        rate, start, cost = (
            statistics.median(run[part] for run in runs[name]) for part in ("rate", "start", "microseconds")
        )
        spread = f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"| {name} | {rate:,.0f} | {spread} | {cost / 3600:.2f} | {start:.1f} |")


if __name__ == "__main__":
    main()
