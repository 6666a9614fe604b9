"""What several test files share."""

from pathlib import Path

import pytest

from vae_runtime import VAE


@pytest.fixture(scope="session")
def root():
    """The repository's root."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def vae(root):
    """The default model."""
    return VAE.load(root / "artifacts" / "mnist", threads=1)
