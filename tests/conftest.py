"""What several test files share."""

import functools
import os
from pathlib import Path

import pytest

from tests.linear_gaussian import LinearGaussian
from vae_runtime import VAE, read_images, write_image


def pytest_configure():
    """One thread for torch, here and in processes that tests start: its networks here are too small for more."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root():
    """The repository's root."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_model_of_the_users(monkeypatch):
    monkeypatch.delenv("VAE_MODEL", raising=False)


@pytest.fixture(scope="session")
def operators_read_once():
    """torch's exporter parses the source of all its operators for every graph that it makes; with this, once."""
    from onnxscript import TracedOnnxFunction

    read = functools.cache(TracedOnnxFunction.function_ir.fget)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TracedOnnxFunction, "function_ir", property(read))
        yield


@pytest.fixture(scope="session")
def vae(root):
    """The default model."""
    return VAE.load(root / "artifacts" / "mnist", threads=1)


@pytest.fixture
def folder(tmp_path):
    """A small model folder of its own."""
    return LinearGaussian.make().write(tmp_path / "model")


@pytest.fixture(scope="session")
def photos(vae, tmp_path_factory):
    """Four pictures in a tree: the model's own samples."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "b").mkdir()
    for name, image in zip(("a.png", "b/c.png", "b/d.bmp", "e.png"), vae.sample(4, seed=9), strict=True):
        write_image(folder / name, image)
    return folder


@pytest.fixture
def images(vae, photos):
    """The pictures of `photos` as read, in sorted order."""
    return read_images([photos / name for name in ("a.png", "b/c.png", "b/d.bmp", "e.png")], vae.manifest.image)
