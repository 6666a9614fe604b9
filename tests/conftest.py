"""What several test files share."""

import functools
import os
from pathlib import Path

import pytest

from tests.support.linear_gaussian import LinearGaussian
from tests.support.pages import BROWSER, browser, command, served
from vae_runtime import VAE, read_images, write_image


def pytest_configure():
    """One thread for torch, here and in processes that tests start: its networks here are too small for more."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root():
    """The repository's root."""
    return Path(__file__).resolve().parents[1]


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


@pytest.fixture(scope="module")
def page_models(root, tmp_path_factory):
    """A model with labels and a flow, and the plane with p-values."""
    folder = tmp_path_factory.mktemp("models")
    flat = folder / "mnist-2d"
    command("sample", "-n", 60, "--seed", 5, "-m", root / "artifacts" / "mnist-2d", "-o", f"{folder / 'normal'}/")
    command("calibrate", folder / "normal", "-m", root / "artifacts" / "mnist-2d", "-o", flat)
    return {"flat": flat, "labelled": root / "artifacts" / "mnist-conditional"}


@pytest.fixture(scope="module")
def addresses(page_models, tmp_path_factory):
    """Where the pages of these models are served, by name; `folder`, where they lie."""
    folder = tmp_path_factory.mktemp("pages")
    for name, model in page_models.items():
        command("web", folder / name, "-m", model, "--ort", BROWSER)
    with served(folder) as address:
        yield {"folder": folder, **{name: f"{address}{name}/" for name in page_models}}


@pytest.fixture(scope="module")
def chromium():
    """A headless browser."""
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def vaes(page_models):
    """The same models in Python."""
    return {name: VAE.load(folder) for name, folder in page_models.items()}


@pytest.fixture(scope="module", params=["mnist", "mnist-2d", "mnist-conditional"])
def served_model(request, root, tmp_path_factory):
    """A shipped model folder, and the repository of it that servers read."""
    from vae_export.serving.repository import write_repository

    model, repository = root / "artifacts" / request.param, tmp_path_factory.mktemp("served") / "repository"
    write_repository(model, repository)
    return model, repository
