"""Verbs without the wait for their model: it is opened once, and every later time is the same one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from vae_runtime import VAE
from vae_runtime.cli.options import ModelChoice


@contextlib.contextmanager
def cached_models(folder: Path) -> Iterator[None]:
    """Inside, every verb that opens the model of `folder` gets the same one, on one thread."""
    vae, usual = VAE.load(folder, threads=1), ModelChoice.open

    def opened(choice: ModelChoice) -> VAE:
        return vae if choice.path == str(folder) else usual(choice)

    with mock.patch.object(ModelChoice, "open", opened):
        yield
