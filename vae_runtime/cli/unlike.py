"""What a verb says, once a run, of the model that answers: it is the built-in one, or takes other pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..console import say

if TYPE_CHECKING:
    from ..model.manifest import Manifest


class Unlike:
    """Counts what sets pictures apart from the model's, and says it in one line on stderr.

    built_in: nobody named the model, so that `say_model` does.
    """

    def __init__(self, manifest: Manifest, *, built_in: bool) -> None:
        self._manifest, self._built_in = manifest, built_in
        self._apart = 0
        self._kinds: dict[str, Counter[tuple[int, int]]] = {}  # what sets apart: sizes of pictures

    def say_model(self) -> None:
        """Name the built-in model where nobody named one, once; asked when pictures can be read."""
        if self._built_in:
            say_built_in(self._manifest)
        self._built_in = False

    def note(self, kinds: tuple[str, ...], size: tuple[int, int]) -> None:
        """Count a picture of this size (width, height), and what `unlikeness` found."""
        self._apart += bool(kinds)
        for kind in kinds:
            self._kinds.setdefault(kind, Counter())[size] += 1

    def say(self, total: int) -> None:
        """Say it, if there is anything; total: how many pictures there were."""
        if not self._apart:
            return
        differences = ", ".join(_counted(kind, sizes, total) for kind, sizes in self._kinds.items())
        who = "The picture is" if total == 1 else f"{self._apart} of {total} pictures are"
        say(
            f"{who} unlike what the model {self._manifest.name!r} takes, {_taken(self._manifest)}: {differences}. "
            "The results mean little unless it was trained on such; name the model that was with -m."
        )


def say_built_in(manifest: Manifest) -> None:
    """One line: no -m was given, and this is what runs."""
    say(f"This is the built-in model {manifest.name!r}, of {_taken(manifest)} pictures; name another with -m.")


def _taken(manifest: Manifest) -> str:
    _, height, width = manifest.image.shape
    return f"{width}x{height} {'grey' if manifest.image.mode == 'L' else 'colour'}"


def _counted(kind: str, sizes: Counter[tuple[int, int]], total: int) -> str:
    from ..pictures.likeness import COLOUR

    count = "" if total == 1 else f"{sum(sizes.values())} "
    if kind == COLOUR:
        return f"{count}{kind}"
    (width, height), _ = sizes.most_common(1)[0]
    return f"{count}{kind} ({'mostly ' * (len(sizes) > 1)}{width}x{height})"
