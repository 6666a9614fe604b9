"""Windows along one side of a picture, or of its latents: where they begin, and how they are blended."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


class Side(NamedTuple):
    """Windows of one length that cover a side, in one unit: cells of the latents, or pixels."""

    length: int
    window: int
    starts: tuple[int, ...]

    @classmethod
    def cover(cls, length: int, window: int, overlap: int) -> Side:
        """Windows that overlap by `overlap` or more: at both ends, and evenly between, so that all seams are alike."""
        steps = math.ceil((length - window) / (window - overlap))
        return cls(length, window, tuple(round(step * (length - window) / max(1, steps)) for step in range(steps + 1)))

    def times(self, scale: int) -> Side:
        """The same in a unit `scale` times as small."""
        return Side(self.length * scale, self.window * scale, tuple(start * scale for start in self.starts))

    def shares(self) -> list[Float32]:
        """How far each window, in their order, replaces the mean of those before it: float32 [window] each, 0 to 1.

        A window's weight rises and falls in a straight line where it overlaps its neighbours, so that of two the
        weights sum to one; where more than two overlap, they are divided by their sum.
        """
        so_far, shares = np.zeros(self.length), []
        for index, start in enumerate(self.starts):
            weights, there = self._weights(index), slice(start, start + self.window)
            so_far[there] += weights
            shares.append((weights / so_far[there]).astype(np.float32))
        return shares

    def _weights(self, index: int) -> npt.NDArray[np.float64]:
        """Of one window by itself, never 0: the picture's own border has no neighbour, and full weight."""
        start, end = self.starts[index], self.starts[index] + self.window
        rising = self.starts[index - 1] + self.window - start if index else 0
        falling = end - self.starts[index + 1] if index + 1 < len(self.starts) else 0
        place = np.arange(self.window) + 0.5
        up = np.minimum(place / rising, 1) if rising else np.ones(self.window)
        down = np.minimum((self.window - place) / falling, 1) if falling else np.ones(self.window)
        return np.minimum(up, down)
