"""Windows put together as one, a strip at a time: a mean in which each window counts less towards its border."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .side import Side

Float32 = npt.NDArray[np.float32]


def blend(windows: Iterable[Float32], down: Side, across: Side) -> Iterator[Float32]:
    """Rows that are ready, from the top down: float32 [channels, some, width], deterministic.

    windows: float32 [channels, height, width] each, row by row of them from the left. No more of the whole is held than
    two strips as high as a window. Where windows agree, the result is what they say to the last bit.
    """
    windows, shares_across = iter(windows), across.shares()
    held: Float32 | None = None
    for row, (start, share) in enumerate(zip(down.starts, down.shares(), strict=True)):
        strip = _strip(windows, across, shares_across)
        held = strip if held is None else _moved_towards(strip, held, share[:, None])
        ready = (down.starts[row + 1] if row + 1 < len(down.starts) else down.length) - start
        yield held[:, :ready]
        held = np.concatenate([held[:, ready:], np.zeros_like(held[:, :ready])], axis=1)


def _strip(windows: Iterator[Float32], across: Side, shares: list[Float32]) -> Float32:
    """One row of windows, side by side: [channels, window, width]."""
    strip: Float32 | None = None
    for start, share, window in zip(across.starts, shares, windows):  # noqa: B905  # windows go on below
        if strip is None:
            strip = np.zeros((*window.shape[:2], across.length), np.float32)
        there = strip[..., start : start + across.window]
        there[...] = _moved_towards(window, there, share)
    assert strip is not None
    return strip


def _moved_towards(new: Float32, mean: Float32, share: Float32) -> Float32:
    """The mean with a further one counted in: exactly the new one where it is the first, exactly both where equal."""
    return mean + share * (new - mean)
