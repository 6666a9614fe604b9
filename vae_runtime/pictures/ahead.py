"""Work ahead in threads, in order: pictures are decoded while others are computed on, few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..threads import available_processors

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 128  # results that may wait: two of the batches that verbs compute on, so that threads do not idle meanwhile


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None, waiting: int = AHEAD
) -> Iterator[Result]:
    """function(item) of each item in order, computed by threads a few items ahead of who asks.

    At most `waiting` results wait, which bounds the memory. An exception of the function is raised at its place.
    workers: None takes the processors that this process may use.
    """
    pool = ThreadPoolExecutor(workers or available_processors())
    futures: deque[Future[Result]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(function, item))
            if len(futures) > waiting:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:  # who asked has left, perhaps of a signal: a thread may be inside a read that never returns
        pool.shutdown(wait=False, cancel_futures=True)
