"""Are an image's numbers the same bits for any batch size and number of threads, for this model on this machine?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..model.golden import GoldenVectors
from ..model.manifest import DETECTOR
from ..threads import available_processors
from ..vae import VAE

Array = npt.NDArray[Any]


class Equality(NamedTuple):
    """What was compared, and the largest difference that was found."""

    threads: list[int]
    batch_sizes: list[int]
    same: bool
    difference: float  # absolute, in any tensor

    def __str__(self) -> str:
        setups = f"for batches of {_listed(self.batch_sizes)} on {_listed(self.threads)} threads"
        if self.same:
            return f"the same {setups}"
        return f"not the same {setups}, by at most {self.difference:.1e}"


def equality(load: Callable[[int], VAE], golden: GoldenVectors) -> Equality:
    """Run the golden inputs alone, together and in between, on one thread and on several, deterministic.

    load: opens the model on so many threads of the CPU.
    """
    threads, batch_sizes = [1, max(2, available_processors())], _batch_sizes(len(golden.images))
    expected: list[Array] | None = None
    same, difference = True, 0.0
    for count in threads:
        vae = load(count)
        for batch_size in batch_sizes:
            numbers = _numbers(vae, golden, batch_size)
            for one, other in zip(numbers, expected or numbers, strict=True):
                if one.tobytes() != other.tobytes():
                    same, difference = False, max(difference, float(np.abs(one - other).max()))
            expected = expected or numbers
        del vae  # one model in memory at a time
    return Equality(threads, batch_sizes, same, difference)


def runs(images: int) -> int:
    """How often `equality` runs every graph on so many images."""
    return 2 * len(_batch_sizes(images))


def _batch_sizes(images: int) -> list[int]:
    return sorted({min(size, images) for size in (1, 2, 3, images)})


def _numbers(vae: VAE, golden: GoldenVectors, batch_size: int) -> list[Array]:
    """The outputs of every graph of a model."""
    posterior = vae.encode(golden.images, batch_size=batch_size)
    numbers: list[Array] = [posterior.mean, vae.decode(golden.z, batch_size=batch_size)]
    if posterior.logvar is not None:
        numbers.append(posterior.logvar)
    if vae.manifest.has_prior:
        numbers.append(vae.prior.from_noise(golden.eps, batch_size=batch_size))
        numbers.append(vae.prior.log_prob(golden.z, batch_size=batch_size))
    if DETECTOR in vae.manifest.graphs:
        numbers.append(vae.anomaly_map(golden.images, method="faults", batch_size=batch_size))
    return numbers


def _listed(numbers: list[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
