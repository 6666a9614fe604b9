"""Whole numbers at their edges: verdicts of p-values against fractions, and noise beside the end of its stream.

python -m fuzz.engines.arithmetic
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import click
import numpy as np

from vae_runtime import VAE, InputError, Posterior, standard_normal
from vae_runtime.sklearn import VAETransformer

MASK = 2**64 - 1
SIZE = 3  # latents


@click.command()
@click.option("--count", type=click.IntRange(1), default=2000, show_default=True, help="Cases of each kind.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(count: int, seed: int) -> None:
    """Print how many cases of each kind differ from what docs/FORMAT.md says, with the first of each."""
    finds = 0
    for kind in (verdicts, samples, draws, bad_numbers):
        said = list(kind(random.Random(seed), count))
        wrong = [text for text in said if text]
        first = f", such as {wrong[0]}" if wrong else ""
        click.echo(f"{kind.__name__}: {len(said):,} cases, {len(wrong)} wrong{first}")
        finds += len(wrong)
    sys.exit(finds > 0)


def verdicts(chance: random.Random, count: int) -> Iterator[str]:
    """`VAETransformer.predict` beside (1 + k) / (n + 1) <= rate in whole numbers, where the two are equal or nearly."""
    for _ in range(count):
        digits = chance.choice([2, 3, 4])
        rate = Fraction(chance.randrange(1, 10**digits // 2), 10**digits)
        n = chance.choice([chance.randrange(1, 2000), chance.randrange(1, 20) * rate.denominator - 1])
        edge = math.floor(rate * (n + 1))
        yield attempt(lambda: _verdict(float(rate), rate, n, edge), f"rate {float(rate)} of {n} scores")  # noqa: B023


def _verdict(given: float, rate: Fraction, n: int, edge: int) -> str:
    """Scores of a model are what is given to it; a new one ties with, or passes, some of 1 .. n."""
    model = SimpleNamespace(image_shape=(1, 1, 1), score=lambda images, method: images.reshape(-1).astype(float))
    with patch.object(VAE, "load", return_value=model):
        estimator = VAETransformer(false_alarm_rate=given).fit(np.arange(1.0, n + 1)[:, None])
    for above in range(max(0, edge - 2), min(n, edge + 2) + 1):  # how many calibration scores are as high
        image = np.array([[n - above + 0.5]])
        expected = Fraction(1 + above, n + 1) <= rate
        if (estimator.predict(image)[0] == -1) != expected or (estimator.p_value(image)[0] <= given) != expected:
            return f"rate {given} of {n} scores, {above} of them as high: {not expected}, expected {expected}"
        if (estimator.decision_function(image)[0] < 0) != expected:
            return f"rate {given} of {n} scores, {above} of them as high: the threshold says {not expected}"
    return ""


def samples(chance: random.Random, count: int) -> Iterator[str]:
    """Samples start .. start + n - 1 in one call beside the same one by one, of a model with labels and one without."""
    models = [VAE.load(f"artifacts/{name}", threads=1) for name in ("mnist-2d", "mnist-conditional")]
    for number in range(max(1, count // 100)):
        vae = models[number % 2]
        start, n = _edge(chance), chance.choice([1, 2, 3, 1024, 1025, 1030])
        rows = sorted({0, n - 1, chance.randrange(n), min(n - 1, MASK - start), min(n - 1, MASK - start + 1)})

        def compare(vae: VAE = vae, start: int = start, n: int = n, rows: list[int] = rows) -> str:
            images = vae.sample(n, seed=1, start=start)
            same = all(np.array_equal(images[i], vae.sample(1, seed=1, start=(start + i) & MASK)[0]) for i in rows)
            return "" if same else f"start {start}, n {n}: other images than one by one"

        yield attempt(compare, f"sample of start {start}, n {n}")


def draws(chance: random.Random, count: int) -> Iterator[str]:
    """Rows of draws and of images near their edges, beside s * 2^32 + i modulo 2^64; and those of `elbo`."""
    model = VAE.load("artifacts/mnist-2d", threads=1)
    images = model.sample(3, seed=0)
    for number in range(count):
        first, start = _edge(chance), _edge(chance)

        def compare(first: int = first, start: int = start) -> str:
            draws = Posterior(np.zeros((2, SIZE), np.float32), np.zeros((2, SIZE), np.float32)).draws(
                first, 3, seed=1, start=start
            )
            for i, s in ((0, 0), (1, 0), (0, 2), (1, 2)):
                row = ((first + s) * 2**32 + start + i) & MASK
                if not np.array_equal(draws[i, s], standard_normal(1, SIZE, seed=1, start=row)[0]):
                    return f"draw {first + s} of image {start + i} is not row {row}"
            return ""

        yield attempt(compare, f"draws from {first}, images from {start}")
        if number % 100 == 0:
            yield attempt(lambda: _bounds(model, images, start), f"elbo of start {start}")  # noqa: B023


def _bounds(model: VAE, images: Any, start: int) -> str:
    together = model.elbo(images, samples=2, start=start).iwae
    single = [model.elbo(images[i : i + 1], samples=2, start=(start + i) & MASK).iwae[0] for i in range(len(images))]
    return "" if np.array_equal(together, single) else f"elbo of start {start}: other bounds than one by one"


def bad_numbers(chance: random.Random, count: int) -> Iterator[str]:
    """What is no whole number of 64 bits is an InputError everywhere, and never cut to one."""
    posterior = Posterior(np.zeros((1, SIZE), np.float32), np.zeros((1, SIZE), np.float32))
    places: dict[str, Callable[[Any], Any]] = {
        "seed of standard_normal": lambda value: standard_normal(1, SIZE, seed=value),
        "start of standard_normal": lambda value: standard_normal(1, SIZE, seed=0, start=value),
        "start of Posterior.sample": lambda value: posterior.sample(0, start=value),
        "start of Posterior.draws": lambda value: posterior.draws(0, 1, seed=0, start=value),
        "first of Posterior.draws": lambda value: posterior.draws(value, 1, seed=0),
    }
    for _ in range(count):
        value = chance.choice([-1, -(2**63), 2**64, 2**64 + 1, True, 1.0, 0.5, math.nan, "1", None, np.float64(3)])
        name = chance.choice(list(places))
        try:
            places[name](value)
            yield f"{name} = {value!r} was taken"
        except InputError:
            yield ""
        except Exception as error:
            yield f"{name} = {value!r}: {type(error).__name__}: {error}"


def _edge(chance: random.Random) -> int:
    """A number near where 64 bits, 32 bits or exact doubles end."""
    return (chance.choice([0, 2**32, 2**53, 2**63, 2**64 - 1024, 2**64]) + chance.randrange(-3, 4)) & MASK


def attempt(compare: Callable[[], str], what: str) -> str:
    """What is wrong; an error of any kind is, for all these numbers are good."""
    try:
        return compare()
    except Exception as error:
        return f"{what}: {type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
