"""8-bit graphs where they were asked for: a way is looked for, and that there is none is said and is no failure."""

from __future__ import annotations

from collections.abc import Callable

from vae_train.data.datasets import Dataset

from ..draft import Draft, FindRecipe
from ..errors import ExportError
from .limits import limits_for
from .recipe import Recipe
from .search import find_recipe


def search_on(dataset: Dataset, nats: float | None, say: Callable[[str], None]) -> FindRecipe:
    """What looks for a way to quantise on these data; nats: what an image may lose, None for the likelihood's usual."""

    def search(draft: Draft) -> Recipe | None:
        try:
            return find_recipe(draft, dataset, limits=limits_for(draft.manifest, nats), say=say)
        except ExportError as error:
            say(f"No 8-bit graphs: {error} The float32 ones are exported.")
            return None

    return search
