"""How many times as fast one call is as another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vae_runtime import VAE

ROUNDS = 9  # of timing, both calls in turns


def speedups(float32: VAE, int8: VAE, images: npt.NDArray[np.float32]) -> dict[str, float]:
    """How many times faster int8 encodes and decodes a batch: images float32 [batch, channels, height, width]."""
    z = float32.encode(images).mean
    calls = 40 if len(images) == 1 else 3
    return {
        "encode": speed_ratio(lambda: float32.encode(images), lambda: int8.encode(images), calls),
        "decode": speed_ratio(lambda: float32.decode(z), lambda: int8.decode(z), calls),
    }


def speed_ratio(slow: Callable[[], object], fast: Callable[[], object], calls: int) -> float:
    """How many times as fast the second call is: the median of rounds in which both take turns."""
    ratios = []
    for _ in range(ROUNDS + 1):
        seconds = []
        for call in (slow, fast):
            start = time.perf_counter()
            for _ in range(calls):
                call()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios[1:])  # the first round warms up
