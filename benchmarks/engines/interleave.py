"""Engines in processes of their own, timed in turns: what else the machine does meets all of them alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS = 7


class Timing(NamedTuple):
    """Microseconds an image: the median of the rounds' medians; and the median and quartiles of its rounds' ratios."""

    microseconds: float
    ratio: float
    low: float
    high: float


class Worker:
    """One engine, started; ready once its images were compared with torch's."""

    def __init__(self, engine: str, folder: Path, built: Path, threads: int) -> None:
        processors = set(sorted(os.sched_getaffinity(0))[-threads:])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engines.worker", engine, folder, built, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(error[-1] if error else "it died without a word")
        self.difference = json.loads(line)["difference"]

    def times(self, batch: int, seconds: float) -> list[float]:
        """Seconds of each call."""
        answer = self._ask({"batch": batch, "seconds": seconds})
        assert isinstance(answer, list)
        return answer

    def _ask(self, request: dict[str, Any]) -> Any:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read().strip().splitlines()[-1])
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def compare(
    workers: dict[str, Worker], batches: Iterable[int], first: str, seconds: float, say: Any
) -> dict[str, dict[int, Timing]]:
    """Time all workers at all batch sizes; ratios are to the worker `first`, round by round."""
    batches = tuple(batches)
    rounds: dict[tuple[str, int], list[float]] = {}
    for number in range(ROUNDS + 1):
        say(f"  round {number} of {ROUNDS}")
        for batch in batches:
            for name, worker in workers.items():
                median = statistics.median(worker.times(batch, seconds)) / batch
                if number:  # the first warms up
                    rounds.setdefault((name, batch), []).append(median)
    timings: dict[str, dict[int, Timing]] = {}
    for (name, batch), values in rounds.items():
        ratios = [value / base for value, base in zip(values, rounds[first, batch], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        timings.setdefault(name, {})[batch] = Timing(statistics.median(values) * 1e6, middle, low, high)
    return timings
