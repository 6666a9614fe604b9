"""8-bit graphs where they were asked for: a way is looked for, and that there is none is said and is no failure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from vae_train.data.datasets import Dataset

from ..draft import Draft, FindRecipe
from ..errors import ExportError
from ..run_source import RunSource
from .limits import limits_for
from .pictures import Pictures
from .recipe import Recipe
from .search import find_recipe


def search_on(dataset: Dataset, nats: float | None, say: Callable[[str], None]) -> FindRecipe:
    """What looks for a way to quantise on these data; nats: what an image may lose, None for the likelihood's usual."""

    def pictures(draft: Draft) -> Pictures:
        assert isinstance(draft.source, RunSource)
        return Pictures.of_dataset(dataset, draft.source.config)

    return _searched(pictures, nats, say)


def search_on_examples(examples: npt.NDArray[np.float32], say: Callable[[str], None]) -> FindRecipe:
    """The same on pictures float32 [n, channels, height, width] in [0, 1], of a model that came without a dataset."""
    return _searched(lambda draft: Pictures.of_examples(examples), None, say)


def _searched(pictures: Callable[[Draft], Pictures], loss: float | None, say: Callable[[str], None]) -> FindRecipe:
    def search(draft: Draft) -> Recipe | None:
        try:
            return find_recipe(draft, pictures(draft), limits=limits_for(draft.manifest, loss), say=say)
        except ExportError as error:
            say(f"No 8-bit graphs: {error} The float32 ones are exported.")
            return None

    return search
