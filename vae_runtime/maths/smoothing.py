"""A mean over square windows, for maps of where an image is strange."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


def window_means(maps: Float32, window: int) -> Float32:
    """The mean over the window of odd size around each place, cut off at the borders: float32 [..., height, width].

    By running sums in double precision: the time does not depend on the window.
    """
    means = np.asarray(maps, np.float64)
    for axis in (-2, -1):
        means = _running(means, window // 2, axis)
    return means.astype(np.float32)


def _running(values: npt.NDArray[np.float64], reach: int, axis: int) -> npt.NDArray[np.float64]:
    size = values.shape[axis]
    sums = np.concatenate([np.zeros_like(np.take(values, [0], axis)), np.cumsum(values, axis)], axis)
    low = np.maximum(np.arange(size) - reach, 0)
    high = np.minimum(np.arange(size) + reach + 1, size)
    shape = [1] * values.ndim
    shape[axis] = size
    counts = (high - low).reshape(shape)
    return np.asarray((np.take(sums, high, axis) - np.take(sums, low, axis)) / counts)
