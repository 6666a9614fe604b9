"""From a folder of pictures to a model: trained, measured, exported, calibrated, scored; any shape, grey and colour."""

import dataclasses
import json

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from vae_export.pipeline import export
from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint
from vae_train.config import PRESETS
from vae_train.data.recipe import for_shape
from vae_train.models.networks import build

from tests.support.commands import vae_
from vae_runtime import VAE, InputError, read_images
from vae_runtime.cli import main

pytestmark = pytest.mark.usefixtures("operators_read_once")
CPU = torch.device("cpu")


def small(shape, preset="conv", **changes):
    config = for_shape(PRESETS[preset](), shape)
    widths = tuple(4 + 2 * stage for stage in range(len(config.widths)))
    return dataclasses.replace(
        config, **{"widths": widths, "blocks": 1, "latent_size": 3, "prior": "standard_normal", **changes}
    )


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 48, 64), (1, 37, 53), (1, 100, 30), (3, 28, 256), (1, 31, 31), (1, 256, 256)]
)
def test_the_networks_build_themselves_from_the_shape(shape):
    config = small(shape)
    model = build(config, CPU)
    images = torch.rand(2, *shape)
    mean, logvar = model.encode(images)
    assert mean.shape == logvar.shape == (2, 3)
    assert model.decode(mean).shape == images.shape
    assert min(shape[1:]) // 2 ** len(config.widths) >= 3 or len(config.widths) == 2


def test_the_encoder_sees_the_last_row_and_column_of_odd_sizes():
    model = build(small((1, 37, 53)), CPU)
    images = torch.full((1, 1, 37, 53), 0.5, requires_grad=True)
    model.encode(images)[0].sum().backward()
    gradient = images.grad[0, 0]
    assert (gradient[-1] != 0).any() and (gradient[:, -1] != 0).any()


def test_too_many_stages_are_refused():
    with pytest.raises(InputError, match="cannot be halved 5 times"):
        build(small((1, 28, 28), widths=(4, 4, 4, 4, 4)), CPU)


@pytest.mark.parametrize(("shape", "preset"), [((3, 30, 45), "conv"), ((1, 33, 28), "mlp")])
def test_odd_shapes_and_gaussians_are_exported(tmp_path, shape, preset):
    config = small(shape, preset, data="parts", fit="pad", resample="bicubic", invert=True)
    model = build(config, CPU)
    with torch.no_grad():
        model.likelihood.log_sigma.fill_(-3.0)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(config.to_json())
    checkpoints.save(run / checkpoints.BEST, Checkpoint(dict(model.state_dict()), {}))
    export(run, tmp_path / "model")
    vae = VAE.load(tmp_path / "model")
    assert vae.image_shape == shape and vae.manifest.likelihood.family == "gaussian"
    assert vae.manifest.likelihood.sigma == pytest.approx(np.exp(-3))
    assert vae.manifest.image == config.image_spec and vae.manifest.image.mode == ("RGB" if shape[0] == 3 else "L")
    operators = {node.op_type for node in onnx.load(tmp_path / "model" / "decoder.onnx").graph.node}
    assert ("Slice" in operators) == (preset == "conv")
    vae_("verify", "-m", tmp_path / "model")
    vae_("sample", "-m", tmp_path / "model", "-n", 2, "-o", tmp_path / "s-%d.png")
    with Image.open(tmp_path / "s-0.png") as picture:
        assert picture.size == (shape[2], shape[1])


def train_(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Sixty stripes of two kinds in colour, and twelve more to calibrate with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for number in range(72):
        folder = tmp_path / ("more" if number >= 60 else f"parts/{number % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((40, 50, 3), 60, np.uint8)
        pixels[:, number % 40 : number % 40 + 8, number % 2] = 200
        noisy = np.clip(pixels + random.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.png")
    return tmp_path


def test_a_folder_is_trained_resumed_measured_exported_and_scored(parts):
    run, model = parts / "run", parts / "model"
    options = ("--size", "32x28", "--mode", "RGB", "--blocks", 1, "--widths", 4, "--widths", 6, "--latent-size", 4)
    options += ("--prior", "standard_normal", "--importance-share", 0, "--augment", "flip", "--batch-size", 16)
    result = train_("fit", "--preset", "conv", "--data", parts / "parts", *options, "--epochs", 3, "--out", run)
    assert "60 pictures: 60 colour; 1 size, 50x40; 0 duplicates; 2 folders." in result.output
    assert str(parts) not in (run / "config.json").read_text() and str(parts) in (run / "data.json").read_text()
    train_("fit", "--resume", run, "--epochs", 4)
    figures = json.loads(train_("evaluate", run, "-k", 5, "--json").stdout)
    assert figures["data"] == "parts" and figures["train_images"] + figures["test_images"] == 60 - 5
    assert figures["mean_picture_bits_per_dim"] > 0 and 0 < figures["webp_bits_per_dim"] < 8
    assert "judge of samples knows digits alone" in figures["not_measured"]["sample_frechet_distance"]
    dims = 3 * 28 * 32
    assert figures["nll_bits_per_dim"] == pytest.approx(figures["nll_nats"] / dims / np.log(2) + np.log2(255))
    export(run, model, calibrate=parts / "more")
    vae = VAE.load(model)
    assert len(vae.manifest.calibration["elbo"]) == 12
    assert vae.manifest.training["picture_sizes"] == [50, 50, 40, 40]
    quiet = vae_("score", parts / "parts", "-m", model, "--format", "csv")  # 50x40 for 32x28 images, as it learnt them
    assert "unlike" not in quiet.stderr
    images = read_images(sorted((parts / "more").iterdir()), vae.manifest.image)
    np.testing.assert_allclose(np.sort(vae.score(images)), vae.manifest.calibration["elbo"], rtol=1e-6)  # 7 digits
    Image.new("RGB", (50, 40), (250, 250, 250)).save(parts / "white.png")
    vae_("score", parts / "white.png", "-m", model, "--false-alarm-rate", 0.1, "--exit-code", code=10)
    assert str(parts).encode() not in b"".join(path.read_bytes() for path in model.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "parts", "--size", "20"], "sides of 28 to 256"),
        (["--data", "nothing", "--size", "32"], "expected mnist, digits, or a folder"),
        (["--data", "digits", "--size", "32"], "--size is for a folder of pictures"),
        (["--data", "digits", "--augment", "flip"], "--augment is for a folder of pictures"),
        (["--data", "parts", "--size", "32", "--targets", "binarised"], "a Gaussian has no binary pixels"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_made(parts, monkeypatch, arguments, words):
    monkeypatch.chdir(parts)
    assert words in train_("fit", "--preset", "conv", *arguments, "--out", "run", code=2).output
    assert not (parts / "run").exists()


def test_a_short_runs_average_is_of_its_end(parts):
    """With 0.999 at every step the average of a few steps would be where the run began."""
    run = parts / "run"
    train_("fit", "--preset", "mlp", "--data", parts / "parts", "--size", 28, "--epochs", 20, "--out", run)
    last = checkpoints.read(run / checkpoints.LAST).tensors
    name = "encoder.1.weight"
    start = build(checkpoints.read_config(run), CPU).state_dict()[name]
    end, average = last[f"model.{name}"], last[f"average.module.{name}"]
    assert (average - end).norm() < 0.5 * (end - start).norm()
