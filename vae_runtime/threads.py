"""Processors: how many this process may really use (affinity and container quota), and work shared among them."""

from __future__ import annotations

import contextvars
import math
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BEGIN_SECONDS = (
    1e-3  # that threads take to begin and to end: 0.2 ms on an idle machine, ten times as much on a busy one
)

_CGROUP = Path("/sys/fs/cgroup")


def available_processors(cgroup: Path = _CGROUP) -> int:
    """Processors of the affinity mask, at most the container's CPU quota (cgroup v2 or v1); at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(affinity, math.ceil(quota)) if quota else affinity)


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time the container may use; None: no limit, or none that can be read."""
    try:
        fields = (cgroup / "cpu.max").read_text().split()
        return int(fields[0]) / int(fields[1])
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        pass
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 and period > 0 else None
    except (OSError, ValueError):
        return None


def in_threads(
    work: Callable[[int], None], items: Sequence[int], *, threads: int, seconds_each: float = math.inf
) -> None:
    """Do `work` for each item, so many at once, under the caller's time limit; after an error no more are begun.

    seconds_each: what one takes, where that is known. Items that take less together than threads do to begin are done
    in this one.
    """
    if threads == 1 or len(items) < 2 or len(items) * seconds_each < BEGIN_SECONDS:
        for item in items:
            work(item)
        return
    failed = threading.Event()

    def guarded(item: int) -> None:
        if failed.is_set():
            return
        try:
            work(item)
        except BaseException:
            failed.set()
            raise

    try:
        pool, begun = _begin(guarded, items, threads)
    except RuntimeError:  # no thread can be started: the interpreter is ending, or the system allows no more
        for item in items:
            work(item)
        return
    with pool:
        try:
            for done in begun:
                done.result()
        except BaseException:  # or this thread is told to stop: leaving the pool waits for all that are not begun too
            failed.set()
            raise


def _begin(
    work: Callable[[int], None], items: Sequence[int], threads: int
) -> tuple[ThreadPoolExecutor, list[Future[None]]]:
    from concurrent.futures import ThreadPoolExecutor  # only here: most programs never need it

    pool = ThreadPoolExecutor(min(threads, len(items)))
    try:
        return pool, [pool.submit(contextvars.copy_context().run, work, item) for item in items]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
