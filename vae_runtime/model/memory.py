"""How much memory a model needs at most, computed from its graphs; and how many rows of a batch are run at once.

Bounds, not estimates: what onnxruntime was measured to take stays below them (`python -m fuzz.machine.costs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .kernels import Kernels

BASE = 96 * 2**20  # bytes of Python, numpy, Pillow, onnxruntime and the arrays of a call
# The CPU works on at most so many pixels at once, and on as many bytes of tensors: onnxruntime keeps the working memory
# of its largest run, about 100 bytes a pixel here, and larger runs are no faster.
PIXELS_AT_ONCE = 64 * 28 * 28
BYTES_AT_ONCE = 32 * 2**20
_KEPT = 1.25  # of the weights of an open graph; one of the two copies that are counted is often given back
_LOADING = 2  # of the weights while a graph is opened, beside these: the file, and its parts
_MOST_WORKERS = 64  # threads that run rows of their own
_RUNNING = 2  # of the tensors of a run: some are in the engine's own layout too, and its arena leaves gaps


class Footprint(NamedTuple):
    """What a graph costs whoever opens and runs it, at most."""

    weights: int  # bytes: constants, those unpacked from 8 bits, and the copies that an engine makes of them
    row: int  # bytes of the tensors that are there at once, for each row of the batch
    work: int  # multiplications, or what takes as long, for each row of the batch
    rows: int  # of the batch that the CPU runs at once
    kernels: Kernels = Kernels(any_threads=True)  # how they must be run

    @property
    def most(self) -> int:
        """Rows that there is the memory for at once, whatever threads run them."""
        return min(_MOST_WORKERS, BYTES_AT_ONCE // self.row) or 1

    @property
    def running(self) -> int:
        """Bytes of tensors while it is run; rows that threads take each for themselves may be more than `rows`."""
        return self.row * (self.rows if self.kernels.any_threads else max(self.rows, self.most))


class Step(NamedTuple):
    """A node of a graph: what it takes, by the names of tensors; and what it gives, with the bytes of each."""

    inputs: Sequence[str]
    outputs: Mapping[str, int]


def needed(footprints: Iterable[Footprint]) -> int:
    """Bytes that a process needs at most that opens these graphs and then runs them, one call at a time on the CPU."""
    graphs = list(footprints)
    kept = _KEPT * sum(graph.weights for graph in graphs)
    opening = _LOADING * max(graph.weights for graph in graphs)
    running = _RUNNING * sum(graph.running for graph in graphs)  # each keeps what its largest run took
    return BASE + int(kept) + max(opening, running)


def rows_at_once(row: int, widest: int) -> int:
    """Rows that the CPU runs at once, of `row` bytes and at most `widest` numbers at an end of the graph."""
    return min(PIXELS_AT_ONCE // widest, BYTES_AT_ONCE // row) or 1


def live(inputs: dict[str, int], steps: Sequence[Step], outputs: Iterable[str]) -> int:
    """Bytes that tensors need at once, in whatever order an engine runs the steps: their sizes, packed into buffers.

    Two tensors share a buffer only if every step that takes the one must be done before the step that gives the other
    can begin. inputs: bytes by name.
    """
    users: dict[str, int] = {}  # of each tensor, the steps that take it, as bits
    for number, step in enumerate(steps):
        for name in step.inputs:
            users[name] = users.get(name, 0) | 1 << number
    never = 1 << len(steps)
    for name in outputs:
        users[name] = users.get(name, 0) | never
    before: dict[str, int] = dict.fromkeys(inputs, 0)  # steps that must be done when a tensor is there, as bits
    buffers: list[tuple[int, int]] = [(size, users.get(name, never)) for name, size in inputs.items()]
    for number, step in enumerate(steps):
        done = 0
        for name in step.inputs:
            done |= before.get(name, 0)
        for name, size in step.outputs.items():
            before[name] = done | 1 << number
            _place(buffers, size, users.get(name, never), done)
    return sum(size for size, _ in buffers)


def _place(buffers: list[tuple[int, int]], needed: int, users: int, done: int) -> None:
    """Give a tensor a buffer: one whose users are all `done` before, the best that fits, or a new one."""
    free = [index for index, (_, busy) in enumerate(buffers) if not busy & ~done]
    if not free:
        buffers.append((needed, users))
        return
    # The one that fits best: the smallest that is large enough, or else the largest.
    best = min(free, key=lambda index: (buffers[index][0] < needed, abs(buffers[index][0] - needed)))
    buffers[best] = max(needed, buffers[best][0]), users
