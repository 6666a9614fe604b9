"""examples/node: the golden vectors, samples and scores in Node, by the native engine and by WebAssembly."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.spatial import ALL, LATENT, Spatial
from tests.support.spatial_dense import Dense
from tests.support.version_1 import write_version_1
from vae_runtime import VAE, read_images, to_uint8

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "node"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")
packages = pytest.mark.skipif(not (EXAMPLE / "node_modules").is_dir(), reason="needs npm install in examples/node")
ENGINES = ("node", "web")


def node(*arguments, code=0):
    command = [NODE, str(EXAMPLE / "vae.js"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done.stderr if code else [json.loads(line) for line in done.stdout.splitlines()]


@packages
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "precision"), [("mnist-conditional", "float32"), ("mnist-2d", "int8")])
def test_the_golden_vectors_pass(name, precision, engine):
    (report,) = node("verify", ROOT / "artifacts" / name, "--engine", engine, "--precision", precision)
    kinds = ["eps", "mean", "logvar", "z", "images", "logits", "nats"]
    assert report["passed"] and [check["tensor"] for check in report["tensors"]] == kinds
    assert max(check["difference"] for check in report["tensors"]) > 0  # it compared something


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", ["mnist-2d", "mnist-mlp"])
def test_the_small_engine_passes_them_for_models_of_dense_layers(name, precision):
    (report,) = node("verify", ROOT / "artifacts" / name, "--engine", "dense", "--precision", precision)
    differences = {check["tensor"]: check["difference"] for check in report["tensors"]}
    assert report["passed"] and max(differences[name] for name in ("mean", "logvar", "images")) < 2e-6, differences


@pytest.mark.parametrize("name", ["mnist-2d", pytest.param("mnist", marks=packages)])
def test_a_model_of_version_1_passes_and_keeps_its_clipping(name, tmp_path):
    model = write_version_1(ROOT / "artifacts" / name, tmp_path / "model")
    engine = "dense" if name == "mnist-2d" else "node"
    (report,) = node("verify", model, "--engine", engine)
    assert report["passed"] and report["tensors"][-1]["difference"] < 1e-4
    vae, newer = VAE.load(model), VAE.load(ROOT / "artifacts" / name)
    white = Image.new("L", (28, 28), 255)  # nothing that the decoder expects: clipped, its nats are others
    white.save(tmp_path / "white.pgm")
    images = read_images(white, vae.manifest.image)
    (line,) = node("score", model, tmp_path / "white.pgm", "--engine", engine)
    assert line["score"] == pytest.approx(vae.score(images)[0], abs=0.2)  # ln(1 - p) is coarse where p is near 1
    assert abs(vae.score(images)[0] - newer.score(images)[0]) > 1
    (line,) = node("score", ROOT / "artifacts" / name, tmp_path / "white.pgm", "--engine", engine)
    assert line["score"] == pytest.approx(newer.score(images)[0], abs=2e-3)  # 1e-6 of thousands of nats: logits are not


@pytest.mark.parametrize("change", ["missing", "unknown", "wrong", "old"])
def test_golden_vectors_hold_the_value_of_each_score(change, tmp_path):
    """One that is wrong fails the check, one that this reader does not know is passed over, the elbo must be there."""
    model = tmp_path / "model"
    shutil.copytree(ROOT / "artifacts" / "mnist-2d", model)
    arrays = dict(np.load(model / "golden.npz"))
    if change == "missing":
        del arrays["score_elbo"]
    elif change == "unknown":
        arrays["score_typicality"] = np.zeros(len(arrays["images"]))
    elif change == "wrong":
        arrays["score_complexity"][-1] += 1
    else:
        arrays["score"] = arrays.pop("score_elbo")  # as in version 1
    np.savez(model / "golden.npz", **arrays)
    content = (model / "golden.npz").read_bytes()
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["golden"]["float32"].update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    (model / "manifest.json").write_text(json.dumps(manifest))
    if change in ("missing", "old"):
        said = "score_elbo is not as it should be" if change == "missing" else "it has score"
        assert said in node("verify", model, "--engine", "dense", code=4)
        return
    done = subprocess.run(
        [NODE, EXAMPLE / "vae.js", "verify", model, "--engine", "dense"], capture_output=True, text=True, timeout=120
    )
    checks = {check["tensor"]: check for check in json.loads(done.stdout)["tensors"]}
    assert checks["nats"]["difference"] == (
        pytest.approx(1, abs=1e-3) if change == "wrong" else pytest.approx(0, abs=1e-3)
    )
    assert done.returncode == (4 if change == "wrong" else 0)


@pytest.mark.parametrize("kind", [Dense, pytest.param(Spatial, marks=packages)])
@pytest.mark.parametrize("name", ALL)
def test_models_of_every_family_pass_with_spatial_latents(name, kind, tmp_path):
    """Golden vectors by formulas, of graphs with convolutions, and of dense ones for the small engine."""
    families = ALL[name]
    if families.prior == "flow" and kind is Dense:
        pytest.skip("its prior is that of the other")
    model = kind(families).write(tmp_path / "model")
    (report,) = node("verify", model, "--engine", "dense" if kind is Dense else "node")
    tensors = {check["tensor"]: check["difference"] for check in report["tensors"]}
    tolerances = VAE.load(model).manifest.golden["float32"].tolerance
    assert report["passed"] and set(tensors) == {"eps", *tolerances}
    assert 0 < tensors["mean"] < 1e-6 and tensors["images"] < 1e-6 and 0 < tensors["nats"] < 1e-3


@pytest.mark.parametrize("name", ["no prior", "nothing"])
def test_node_says_what_python_does_of_models_that_lack_something(name, tmp_path):
    model = Dense(ALL[name]).write(tmp_path / "model")
    vae = VAE.load(model)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.ppm")
    images = read_images(Image.fromarray(pixels), vae.manifest.image)
    (code,) = node("encode", model, tmp_path / "x.ppm", "--engine", "dense")
    posterior = vae.encode(images)
    assert np.shape(code["mean"]) == LATENT and set(code) == {"path", *posterior.there}
    for part, array in posterior.there.items():
        np.testing.assert_allclose(code[part], array[0], atol=1e-6)
    (scored,) = node("score", model, tmp_path / "x.ppm", "--engine", "dense")
    assert scored["score"] == pytest.approx(vae.score(images)[0], rel=1e-6)
    (named,) = node("score", model, tmp_path / "x.ppm", "--engine", "dense", "--method", "reconstruction")
    assert named["score"] == scored["score"]
    for method in ("elbo", "kl"):
        said = node("score", model, tmp_path / "x.ppm", "--engine", "dense", "--method", method, code=4)
        assert f"method is {method}; expected one of reconstruction" in said
    said = node("sample", model, "--engine", "dense", code=4)
    assert "the model spatial has no prior: it encodes and decodes, and there is nothing to sample from" in said


def test_the_small_engine_refuses_what_it_does_not_know():
    said = node("verify", ROOT / "artifacts" / "mnist", "--engine", "dense", code=4)
    assert "has no Conv; it runs models without convolutions" in said


@packages
@pytest.mark.parametrize("engine", ENGINES)
def test_samples_codes_and_scores_are_those_of_python(engine, tmp_path):
    model = ROOT / "artifacts" / "mnist-conditional"
    vae = VAE.load(model)
    out = tmp_path / "s"
    seed, start = 2**64 - 1, 5
    drawn = node("sample", model, "--n", 3, "--seed", seed, "--start", start, "--out", out, "--engine", engine)
    images = vae.sample(3, seed=seed, start=start)
    paths = [tmp_path / f"s-{i}.pgm" for i in range(3)]
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    assert [line["sample"] for line in drawn] == ["5", "6", "7"]
    assert np.abs(to_uint8(images)[:, 0].astype(int) - pixels).max() <= 1
    np.testing.assert_allclose(vae.decode(np.float32([line["z"] for line in drawn])), images, atol=1e-5)

    large = Image.fromarray(pixels[0]).resize((70, 45), Image.Resampling.BICUBIC)  # to be fitted
    large.save(tmp_path / "large.pgm")
    large.save(tmp_path / "large.png")
    for path, pgm in zip(paths, pixels, strict=True):
        Image.fromarray(pgm).save(path.with_suffix(".png"))
    paths.append(tmp_path / "large.pgm")
    expected = read_images([path.with_suffix(".png") for path in paths], vae.manifest.image)
    codes = node("encode", model, *paths, "--engine", engine)
    np.testing.assert_allclose([line["mean"] for line in codes], vae.encode(expected).mean, atol=1e-5)
    for method in vae.manifest.scores:
        lines = node("score", model, *paths, "--engine", engine, "--method", method)
        np.testing.assert_allclose([line["score"] for line in lines], vae.score(expected, method=method), atol=1e-4)


@packages
def test_scores_of_resized_and_of_absurd_pictures_are_those_of_python(tmp_path):
    """Of the largest shipped model, in WebAssembly as in a page."""
    model = ROOT / "artifacts" / "mnist"
    vae = VAE.load(model)
    digits = to_uint8(vae.sample(6, seed=3))[:, 0]
    pictures = [Image.fromarray(d).resize((61, 90), Image.Resampling.BICUBIC) for d in digits]
    pictures.append(Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 70), dtype=np.uint8)))
    for i, picture in enumerate(pictures):
        picture.save(tmp_path / f"{i}.pgm")
    expected = vae.score(read_images(pictures, vae.manifest.image))
    lines = node("score", model, *(tmp_path / f"{i}.pgm" for i in range(7)), "--engine", "web")
    differences = np.abs([line["score"] for line in lines] - expected)
    assert expected[:6].max() < 500 < 3000 < expected[6]
    assert differences[:6].max() < 1e-4 and differences[6] < 1e-3


@packages
def test_a_damaged_model_and_a_picture_that_is_none_end_in_a_sentence(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(ROOT / "artifacts" / "mnist-2d", model)
    content = bytearray((model / "decoder.onnx").read_bytes())
    content[1000] ^= 1
    (model / "decoder.onnx").write_bytes(content)
    assert "decoder.onnx is not the file of this manifest" in node("verify", model, code=4)
    shutil.copy(model / "encoder.onnx", model / "decoder.onnx")  # whole, and another
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["graphs"]["decoder"]["float32"] = {**manifest["graphs"]["encoder"]["float32"], "file": "decoder.onnx"}
    (model / "manifest.json").write_text(json.dumps(manifest))
    assert "decoder.onnx has the role encoder, expected decoder" in node("verify", model, code=4)
    assert "expected a binary PGM" in node("score", ROOT / "artifacts" / "mnist-2d", model / "encoder.onnx", code=2)
