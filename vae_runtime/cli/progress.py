"""How far a verb is, on stderr, where somebody looks and it takes long enough to look."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

Item = TypeVar("Item")

FEW = 50  # done before a bar is worth a line


@contextlib.contextmanager
def progress(count: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar of `count` things, and the function to call with how many more are done."""
    if count <= FEW or sys.stderr is None or not sys.stderr.isatty():
        yield lambda more: None
        return
    with click.progressbar(length=count, label=label, file=sys.stderr) as bar:
        yield bar.update


def watched(items: Iterable[Item], count: int, label: str) -> Iterator[Item]:
    """The items, with a bar of how many of `count` were taken and done with."""
    with progress(count, label) as done:
        for item in items:
            yield item
            done(1)
