"""`vae web` without a browser: what is written, what is refused, and what the page is told of the latents."""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.linear_gaussian import LinearGaussian
from tests.support.spatial import ALL, LATENT, Families, Spatial
from tests.support.spatial_dense import Dense
from vae_runtime import VAE, Posterior, standard_normal, write_image
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.writing import write_model
from vae_runtime.web import engine
from vae_runtime.web.bundle import SOURCES, page_files
from vae_runtime.web.latents import Encoded, describe_latents, principal_axes

ROOT = Path(__file__).resolve().parents[3]
FLAT, LABELLED = ROOT / "artifacts" / "mnist-2d", ROOT / "artifacts" / "mnist-conditional"


@pytest.fixture
def package(tmp_path):
    """Something like onnxruntime-web's package, of a version that was not tried."""
    dist = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    (dist.parent / "package.json").write_text('{"version": "9.9.9"}')
    (dist / engine.MODULE).write_bytes(b"export const env = {};")
    (dist / engine.WASM).write_bytes(b"\0asm")
    return dist.parent


def web(*arguments, code=0):
    done = CliRunner().invoke(main, ["web", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stderr


def page_of(folder):
    return json.loads((folder / "page.json").read_text())


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_page_has_all_that_it_loads_and_no_more(package, tmp_path, precision):
    said = web(tmp_path / "page", "-m", FLAT, "--ort", package, "--precision", precision)
    assert "onnxruntime-web 9.9.9 was not tried" in said and "Wrote a page of" in said
    page = page_of(tmp_path / "page")
    suffix = ".int8" if precision == "int8" else ""
    model = {"manifest.json", f"encoder{suffix}.onnx", f"decoder{suffix}.onnx", f"golden{suffix}.npz"}
    assert {path.name for path in (tmp_path / "page" / page["model"]).iterdir()} == model
    assert all((tmp_path / "page" / page["model"] / name).read_bytes() == (FLAT / name).read_bytes() for name in model)
    assert page["digest"] == VAE.load(FLAT).manifest.digest and page["precision"] == precision
    first = ("manifest.json", f"decoder{suffix}.onnx")
    assert page["first"] == ["decoder"] and page["first_bytes"] == sum((FLAT / name).stat().st_size for name in first)
    assert page["engine"]["version"] == "9.9.9" and page["engine"]["wasm"]["bytes"] == 4
    for name in (page["engine"]["module"], page["engine"]["wasm"]["file"]):
        assert (tmp_path / "page" / name).is_file()
    assert not list((tmp_path / "page").rglob("*.mjs"))  # many servers do not know what that is


def test_every_module_that_the_page_imports_is_there():
    files = page_files()
    assert {"index.html", "style.css", "main.js", "vae/index.js"} <= set(files)
    for name, content in files.items():
        if name.endswith(".js"):
            for target in re.findall(r'(?:from|import)\s*\(?\s*"([^"]+)"', content.decode()):
                assert target.startswith(("./", "../")), (name, target)
                assert posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) in files, (name, target)


def test_the_page_names_no_other_host_and_no_inline_script():
    for name, content in page_files().items():
        text = content.decode().replace("http://localhost:8000", "")
        assert "://" not in text, name
    html = (SOURCES / "page" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", html)
    assert "default-src 'none'" in html and "unsafe-inline" not in html and "'unsafe-eval'" not in html


def test_every_element_that_the_scripts_ask_for_is_in_the_page():
    html = (SOURCES / "page" / "index.html").read_text()
    there = set(re.findall(r'\bid="([^"]+)"', html))
    for path in (SOURCES / "page").glob("*.js"):
        assert set(re.findall(r'\$\("([^"]+)"\)', path.read_text())) <= there, path.name


def test_the_pinned_engine_is_the_tested_one():
    pins = [json.loads((ROOT / "examples" / name / "package.json").read_text()) for name in ("browser", "node")]
    assert {pin["dependencies"]["onnxruntime-web"] for pin in pins} == {engine.TESTED}


def test_a_model_whose_decoder_leaves_0_to_1_becomes_a_page_too(package, tmp_path):
    LinearGaussian.make().write(tmp_path / "model")
    web(tmp_path / "page", "-m", tmp_path / "model", "--ort", package)
    assert len(page_of(tmp_path / "page")["sliders"]) == 2


def test_an_earlier_page_is_replaced_whole_and_nothing_else_is(package, tmp_path):
    target = tmp_path / "page"
    web(target, "-m", LABELLED, "--ort", package)
    before = page_of(target)
    assert "holds another model, 'mnist-conditional'" in web(target, "-m", FLAT, "--ort", package, code=2)
    assert page_of(target) == before
    web(target, "-m", LABELLED, "--ort", package)  # the same model needs no word
    web(target, "-m", FLAT, "--ort", package, "--replace")
    folders = {path.name for path in target.iterdir() if path.is_dir()}
    assert folders == {"vae", page_of(target)["model"], "engine-9.9.9"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node_modules", "page"]
    (target / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(target)
    (package / "package.json").write_text('{"version": "9.9.10"}')
    (target / page_of(target)["model"] / "notes.txt").write_text("mine")
    kept = target / page_of(target)["model"]
    web(tmp_path / "link", "-m", LABELLED, "--ort", package, "--replace")
    assert [path.name for path in kept.iterdir()] == ["notes.txt"]
    shutil.rmtree(kept)
    assert (tmp_path / "link").is_symlink() and (target / "mine.txt").read_text() == "mine"
    folders = {path.name for path in target.iterdir() if path.is_dir()}
    assert folders == {"vae", page_of(target)["model"], "engine-9.9.10"}
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    assert "is not empty and holds no page" in web(other, "--ort", package, code=2)
    assert "is a file" in web(other / "mine.txt", "--ort", package, code=2)
    assert [path.name for path in other.iterdir()] == ["mine.txt"]


def test_the_engine_is_found_from_its_package_its_dist_and_where_node_modules_lies(package):
    for folder in (package, package / "dist", package.parent.parent):
        assert engine.read_engine(folder).version == "9.9.9"


def test_a_folder_without_the_engine_and_a_damaged_engine_are_refused(package, tmp_path):
    (package / "package.json").write_text(json.dumps({"version": engine.TESTED}))
    assert f"is not that of onnxruntime-web {engine.TESTED}" in web(tmp_path / "new", "--ort", package, code=4)
    shutil.rmtree(package / "dist")
    assert "Try: npm install" in web(tmp_path / "new", "--ort", package, code=2)
    assert not (tmp_path / "new").exists()


def test_pictures_are_points_with_the_names_of_their_folders(package, tmp_path):
    vae = VAE.load(LABELLED)
    for label in ("3", "7"):
        (tmp_path / "digits" / label).mkdir(parents=True)
        for i, image in enumerate(vae.sample(4, label=label, seed=1)):
            write_image(tmp_path / "digits" / label / f"{i}.png", image)
    (tmp_path / "digits" / "7" / "bad.png").write_bytes(b"bad")
    web(tmp_path / "page", "-m", LABELLED, "--ort", package, "--pictures", tmp_path / "digits", code=1)
    page = page_of(tmp_path / "page")
    assert page["plane"]["names"] == ["3", "7"] and page["plane"]["labels"] == [0] * 4 + [1] * 4
    assert "8 pictures" in page["plane_says"]


def test_the_latents_of_a_flat_model_are_its_plane():
    vae = VAE.load(FLAT)
    mean, logvar = standard_normal(500, 2, seed=1) * np.float32([0.1, 2]), np.full((500, 2), -3, np.float32)
    described = describe_latents(vae, Encoded("", Posterior(mean, logvar), (), np.zeros(500, np.int64)))
    plane = described["plane"]
    assert plane["axes"] == [[1, 0], [0, 1]] and plane["centre"] == [0, 0] and plane["labels"] == []
    np.testing.assert_allclose(plane["points"], mean, atol=5e-4)
    assert np.abs(mean).max() <= plane["limit"] <= 1.05 * np.abs(mean).max() + 0.1
    kl = 0.5 * (mean.astype(float) ** 2 + np.exp(-3) + 3 - 1).mean(axis=0)
    assert [slider["latent"] for slider in described["sliders"]] == [1, 0]
    np.testing.assert_allclose([slider["kl"] for slider in described["sliders"]], kl[::-1], atol=1e-4)


def test_the_plane_of_many_latents_has_the_directions_of_most_variance():
    vae = VAE.load(LABELLED)
    directions = np.linalg.qr(standard_normal(40, 40, seed=2))[0]
    scales = np.r_[5.0, 3.0, np.full(38, 0.1)]
    mean = np.float32(standard_normal(3500, 40, seed=3) * scales @ directions.T + 7)
    described = describe_latents(vae, Encoded("", Posterior(mean, np.zeros_like(mean)), (), np.zeros(3500, np.int64)))
    axes = np.array(described["plane"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(np.abs(axes @ directions)[:, :2], np.eye(2), atol=0.05)
    np.testing.assert_allclose(described["plane"]["centre"], mean.mean(axis=0), atol=1e-4)
    assert len(described["plane"]["points"]) == 1750  # every second one: more hide each other
    for slider in described["sliders"]:
        values = mean[:, slider["latent"]]
        assert slider["low"] <= values.min() + 0.01 and slider["high"] >= values.max() - 0.01


def test_sliders_of_spatial_latents_are_for_channels(tmp_path):
    vae = VAE.load(Spatial().write(tmp_path / "model"))
    mean = standard_normal(300, 32, seed=1).reshape(300, *LATENT) * np.float32([0.5, 2])[:, None, None]
    logvar = np.full_like(mean, -3)
    described = describe_latents(vae, Encoded("", Posterior(mean, logvar), (), np.zeros(300, np.int64)))
    kl = 0.5 * (mean.astype(float) ** 2 + np.exp(-3) + 3 - 1).sum(axis=(2, 3)).mean(axis=0)
    assert [slider["latent"] for slider in described["sliders"]] == [1, 0]
    np.testing.assert_allclose([slider["kl"] for slider in described["sliders"]], kl[::-1], atol=1e-4)
    for slider in described["sliders"]:
        channel = mean[:, slider["latent"]].astype(float)
        spread = np.sqrt(channel.mean(axis=(1, 2)).var() + np.exp(-3) / 16)
        assert slider["spread"] == pytest.approx(spread, abs=1e-4)
        assert slider["high"] >= max(channel.std(), 3.5 * spread) - 0.01
    axes = np.array(described["plane"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)


def test_the_plane_of_more_numbers_than_pictures_has_the_same_directions():
    few = np.random.default_rng(0).normal(size=(7, 20)) * np.geomspace(5, 1, 20)
    _, _, directions = np.linalg.svd(few, full_matrices=False)
    axes = principal_axes(few)
    np.testing.assert_allclose(np.abs(axes @ directions.T)[:, :2], np.eye(2), atol=1e-9)
    assert not principal_axes(np.zeros((1, 20))).any() and not principal_axes(few[:1])[1].any()


@pytest.mark.parametrize("name", ["no prior", "nothing"])
def test_a_model_without_a_prior_becomes_a_page_of_its_golden_images_or_of_pictures(name, package, tmp_path):
    model = Dense(ALL[name]).write(tmp_path / "model")
    said = web(tmp_path / "page.html", "-m", model, "--single-file")
    assert "no prior to sample from: the page shows its golden images; --pictures FOLDER shows yours" in said
    web(tmp_path / "page", "-m", model, "--ort", package)
    page = page_of(tmp_path / "page")
    assert "the 2 images of the model's golden vectors" in page["plane_says"] and len(page["plane"]["points"]) == 2
    assert page["first"] == ["decoder"]
    assert all((slider["kl"] is None) == (name == "nothing") for slider in page["sliders"])
    for slider in page["sliders"]:
        assert slider["low"] < slider["high"]
    (tmp_path / "pictures").mkdir()
    for i, image in enumerate(Dense().draw(5, seed=2)):
        write_image(tmp_path / "pictures" / f"{i}.png", image)
    said = web(tmp_path / "other", "-m", model, "--ort", package, "--pictures", tmp_path / "pictures")
    assert "golden" not in said and "5 pictures" in page_of(tmp_path / "other")["plane_says"]


def test_a_dense_model_of_another_exporter_becomes_one_file_and_a_convolution_is_named(tmp_path):
    web(tmp_path / "page.html", "--single-file", "-m", Dense(Families()).write(tmp_path / "dense"))
    assert (tmp_path / "page.html").stat().st_size < 1_000_000
    said = web(tmp_path / "x.html", "--single-file", "-m", Spatial().write(tmp_path / "model"), code=2)
    assert "encoder.onnx has Conv; a page of one file runs models without convolutions" in said


def test_a_page_of_one_file_holds_everything_and_may_connect_to_nothing(tmp_path):
    page = tmp_path / "page.html"
    web(page, "--single-file", "-m", FLAT, "--precision", "int8")
    html = page.read_text()
    assert len(html) < 1_000_000
    imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', html)[1])["imports"]
    modules = {name: base64.b64decode(url.partition(",")[2]).decode() for name, url in imports.items()}
    for text in (*modules.values(), re.search(r'<script type="module">(.*?)</script>', html)[1]):
        assert set(re.findall(r'(?:from|import)\s*\(?\s*"([^"]+)"', text)) <= set(modules)
    assert not re.search(r'\b(?:src|href)="(?!data:)', html)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert "connect-src" not in policy and policy.startswith("default-src 'none'") and "unsafe" not in policy
    for pattern in (r'<script type="importmap">(.*?)</script>', r"<style>(.*?)</style>"):
        digest = base64.b64encode(hashlib.sha256(re.search(pattern, html, re.DOTALL)[1].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    embedded = json.loads(re.search(r'id="embedded">(.*?)</script>', html)[1])
    decoder = base64.b64decode(embedded["files"]["decoder.int8.onnx"])
    assert decoder == (FLAT / "decoder.int8.onnx").read_bytes() and embedded["page"]["precision"] == "int8"


def test_one_file_is_for_models_of_dense_layers_and_needs_no_engine(package, tmp_path):
    assert "has Conv; a page of one file" in web(tmp_path / "x.html", "--single-file", "-m", LABELLED, code=2)
    assert "give --ort DIR for a folder, or --single-file" in web(tmp_path / "x.html", "-m", FLAT, code=2)
    assert "give --ort" in web(tmp_path / "x.html", "-m", FLAT, "--single-file", "--ort", package, code=2)
    assert "is a directory" in web(tmp_path, "-m", FLAT, "--single-file", code=2)
    assert list(tmp_path.glob("*.html")) == []


def test_a_page_of_a_model_that_is_replaced_meanwhile_is_of_one_of_the_two(package, tmp_path, monkeypatch):
    model = LinearGaussian.make().write(tmp_path / "model")
    other = LinearGaussian.make(logvar_error=1.0).write(tmp_path / "other")
    usual, done = VAE.load, []

    def load(*arguments, **options):
        vae = usual(*arguments, **options)
        if not done:
            done.append(True)
            manifest = manifests.read(other)
            write_model(model, manifest, {file.file: read_file(other, file) for file in manifest.files})
        return vae

    monkeypatch.setattr(VAE, "load", load)
    web(tmp_path / "page", "-m", model, "--ort", package)
    page = page_of(tmp_path / "page")
    assert done and page["digest"] == manifests.read(tmp_path / "page" / page["model"]).digest
    assert page["digest"] == manifests.read(model).digest
