"""Faults: drawn into normal images, found by a network that is trained on them, exported, scored without torch."""

import dataclasses
import json
import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from scipy.ndimage import correlate1d
from vae_export.pipeline import export
from vae_train import checkpoint as checkpoints
from vae_train.checkpoint import Checkpoint
from vae_train.data.datasets import Dataset
from vae_train.detector.faults import draw_faults
from vae_train.detector.files import FILE, UNFINISHED, load_detector
from vae_train.detector.network import Detector, DetectorConfig, default_reduction
from vae_train.detector.trainer import DetectorTrainer, detection_loss, drawn_faults_auc
from vae_train.detector.training import fit_detector
from vae_train.models.networks import build

from tests.project.test_end_to_end import small
from tests.support.commands import vae_
from vae_runtime import VAE, InputError, read_images, write_image
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("operators_read_once")
TINY = DetectorConfig(reduce=1, widths=(8, 12), steps=200, batch_size=16, learning_rate=6e-3)


def textures(count, shape=(1, 32, 32), seed=0):
    """Smooth brightness with fine stripes, as uint8."""
    random = np.random.default_rng(seed)
    height, width = shape[1:]
    across = np.arange(width)[None, None] / width
    light = 0.3 + 0.3 * random.random((count, 1, 1)) + 0.2 * random.random((count, 1, 1)) * across
    stripes = 0.05 * random.standard_normal((count, 1, width)) + 0.01 * random.standard_normal((count, height, width))
    images = np.repeat((light + stripes)[:, None], shape[0], axis=1)
    return np.rint(255 * images.clip(0, 1)).astype(np.uint8)


def dataset(shape=(1, 32, 32)):
    train, test = textures(200, shape), textures(50, shape, seed=1)
    return Dataset(train, np.zeros(200, np.uint8), test, np.zeros(50, np.uint8))


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 29, 54), (1, 128, 40)])
def test_faults_are_where_the_mask_says_and_three_in_ten_images_stay(shape):
    images = torch.from_numpy(textures(200, shape)).float() / 255
    faulty, mask = draw_faults(images, torch.Generator().manual_seed(3))
    again, _ = draw_faults(images, torch.Generator().manual_seed(3))
    assert torch.equal(faulty, again) and faulty.shape == images.shape and mask.shape == (200, 1, *shape[1:])
    assert faulty.min() >= 0 and faulty.max() <= 1 and mask.dtype == torch.bool
    changed = (faulty != images).flatten(1).any(1)
    assert 0.2 < 1 - changed.float().mean() < 0.4
    assert not mask[~changed].any() and 0.6 < mask[changed].flatten(1).any(1).float().mean() <= 1
    change = (faulty - images).abs().mean(1, keepdim=True)
    assert change[mask].mean() > 10 * change[~mask].mean()


def test_fixed_matrices_are_the_means_blurs_and_interpolations_that_they_stand_for():
    detector = Detector(DetectorConfig(reduce=2, widths=(4, 4)), (1, 24, 36))
    x = torch.rand(2, 1, 24, 36)
    torch.testing.assert_close(detector.reduced(x), F.avg_pool2d(x, 2))
    reduced = detector.reduced(x)
    kernel = np.exp(-(np.arange(-40, 41) ** 2) / (2 * 6.0**2))

    def blur(array):
        for axis in (2, 3):
            array = correlate1d(array, kernel, axis=axis, mode="constant")
        return array

    expected = blur(reduced.numpy().astype(np.float64)) / blur(np.ones(reduced.shape))
    np.testing.assert_allclose(detector.mean(reduced).numpy(), expected, atol=1e-6)
    from vae_train.detector.network import _linear

    cells = torch.rand(1, 1, 6, 9)
    torch.testing.assert_close(
        _linear(24, 6) @ cells @ _linear(36, 9).T, F.interpolate(cells, (24, 36), mode="bilinear", align_corners=False)
    )
    odd = Detector(DetectorConfig(reduce=2, widths=(4,)), (1, 25, 37)).reduced(torch.full((1, 1, 25, 37), 0.25))
    torch.testing.assert_close(odd, torch.full((1, 1, 13, 19), 0.25))


@pytest.mark.parametrize(
    ("shape", "reduce"), [((1, 28, 28), 1), ((3, 37, 53), 2), ((1, 256, 31), 1), ((3, 97, 130), 2)]
)
def test_a_detector_fits_any_shape_and_brightness_alone_is_no_contrast(shape, reduce):
    detector = Detector(DetectorConfig(reduce=reduce, widths=(4, 6)), shape).eval()
    with torch.inference_mode():
        assert detector(torch.rand(3, *shape)).shape == (3, *shape[1:])
        detector.grey_stem.weight.zero_()
        dark, light = detector(torch.full((1, *shape), 0.1)), detector(torch.full((1, *shape), 0.9))
        torch.testing.assert_close(dark, light, atol=1e-4, rtol=0)


def test_a_detector_that_is_larger_than_the_image_is_refused():
    with pytest.raises(InputError, match="28x28 are too small for a detector that reduces them by 4"):
        Detector(DetectorConfig(reduce=4), (1, 28, 28))
    assert default_reduction((1, 64, 64)) == 1 and default_reduction((1, 96, 200)) == 2


def test_the_loss_is_cross_entropy_that_counts_faulty_cells_three_times():
    log_odds = torch.tensor([[[[0.5, -1.0]]]])
    mask = torch.zeros(1, 1, 2, 4, dtype=torch.bool)
    mask[0, 0, 1, 2] = True  # one pixel makes the second cell faulty
    expected = (np.log1p(np.exp(0.5)) + 3 * np.log1p(np.exp(1.0))) / 2
    assert float(detection_loss(log_odds, mask)) == pytest.approx(expected, rel=1e-6)


def held_out_loss(detector):
    """Of faults drawn into images that were not trained on."""
    images = torch.from_numpy(dataset().test_images).float() / 255
    with torch.inference_mode():
        faulty, mask = draw_faults(detector.reduced(images), torch.Generator().manual_seed(5))
        return float(detection_loss(detector.cells(faulty), mask))


def test_it_learns_to_tell_drawn_faults(tmp_path):
    figures = fit_detector(tmp_path, TINY, dataset(), (), CPU)
    torch.manual_seed(0)
    untrained = Detector(TINY, (1, 32, 32))
    assert held_out_loss(load_detector(tmp_path, (1, 32, 32)).detector) < 0.8 * held_out_loss(untrained)
    assert 0.7 < figures["detector_drawn_faults_auc"] < 1
    kept = load_detector(tmp_path, (1, 32, 32))
    assert kept.figures == figures and kept.config == TINY
    assert drawn_faults_auc(kept.detector, dataset().test_images) == figures["detector_drawn_faults_auc"]
    assert not (tmp_path / UNFINISHED).exists()


def test_the_loss_is_known_from_the_first_step(tmp_path, monkeypatch, capsys):
    """The line began with "loss nan"."""
    monkeypatch.setattr("vae_train.detector.training.LOG_SECONDS", 1e-9)
    fit_detector(tmp_path, TINY._replace(steps=3), dataset(), (), CPU)
    lines = [line for line in capsys.readouterr().err.splitlines() if "loss" in line]
    assert lines[0].startswith("step 1/3  loss ") and lines[0].endswith(" left") and "nan" not in "".join(lines)


def test_a_stopped_training_goes_on_exactly(tmp_path, monkeypatch, capsys):
    config, taken = TINY._replace(steps=12), DetectorTrainer.take_step

    def stop_at_seven(trainer):
        taken(trainer)
        if trainer.step == 7:
            signal.raise_signal(signal.SIGTERM)

    (tmp_path / "whole").mkdir()
    fit_detector(tmp_path / "whole", config, dataset(), ("flip",), CPU)
    (tmp_path / "parts").mkdir()
    monkeypatch.setattr(DetectorTrainer, "take_step", stop_at_seven)
    assert fit_detector(tmp_path / "parts", config, dataset(), ("flip",), CPU) is None
    monkeypatch.setattr(DetectorTrainer, "take_step", taken)
    assert not (tmp_path / "parts" / FILE).exists()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    fit_detector(tmp_path / "parts", config, dataset(), ("flip",), CPU)
    said = capsys.readouterr().err
    assert "Resuming at step 7 of 12." in said and "not bit for bit" in said and "has --threads 77 now" in said
    whole, parts = ((tmp_path / name / FILE).read_bytes() for name in ("whole", "parts"))
    assert whole == parts


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on grey textures of an odd shape with a detector, and its model folder."""
    folder = tmp_path_factory.mktemp("detector")
    for number, image in enumerate(textures(60, (1, 34, 45))):
        write_image(folder / f"{number:02d}.png", image.astype(np.float32) / 255)
    run = folder / "run"
    config = small((1, 34, 45), "mlp", data="parts")
    run.mkdir()
    (run / "config.json").write_text(config.to_json())
    checkpoints.save(run / checkpoints.BEST, Checkpoint(dict(build(config, CPU).state_dict()), {}))
    arguments = ["detector", str(run), "--data-dir", str(folder), "--steps", "4", "--device", "cpu"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "Next: vae export" in result.stderr
    before = (run / FILE).read_bytes()
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2 and "has a detector already; --replace trains" in again.output
    assert (run / FILE).read_bytes() == before
    export(run, folder / "model")
    return run, folder / "model"


def test_the_exported_detector_is_torchs_and_of_any_batch_and_thread_count(trained):
    run, model = trained
    vae = VAE.load(model, threads=1)
    images = textures(70, (1, 34, 45), seed=5).astype(np.float32) / 255
    with torch.inference_mode():
        expected = load_detector(run, (1, 34, 45)).detector(torch.from_numpy(images)).numpy()
    faults_map = vae.anomaly_map(images, method="faults")
    np.testing.assert_allclose(faults_map, expected, atol=1e-4)
    np.testing.assert_array_equal(vae.score(images, method="faults"), faults_map.max(axis=(1, 2)))
    two = VAE.load(model, threads=2)
    for batch_size in (1, 3, 64):
        np.testing.assert_array_equal(two.anomaly_map(images, method="faults", batch_size=batch_size), faults_map)
    wide = vae.anomaly_map(images[:1], method="faults", window=3)
    assert wide[0, 1, 1] == pytest.approx(faults_map[0, :3, :3].mean(), rel=1e-5)
    assert vae.score(images[:0], method="faults").shape == (0,)


def test_the_command_scores_by_faults_and_draws_them(trained, tmp_path):
    _, model = trained
    normal, strange = textures(2, (1, 34, 45), seed=6).astype(np.float32) / 255
    strange[0, 10:18, 20:30] = 0.1
    write_image(tmp_path / "normal.png", normal)
    write_image(tmp_path / "strange.png", strange)
    paths = tmp_path / "normal.png", tmp_path / "strange.png"
    arguments = ("--method", "faults", "--format", "jsonl", "--maps", tmp_path / "maps")
    rows = vae_("score", *paths, "-m", model, *arguments).stdout
    vae = VAE.load(model)
    expected = vae.score(read_images(paths, vae.manifest.image), method="faults")
    assert [json.loads(row)["score_nats"] for row in rows.splitlines()] == expected.tolist()
    assert len(list((tmp_path / "maps").iterdir())) == 2
    assert "nats" in vae_("verify", "-m", model).stdout


def test_a_shipped_model_carries_its_detector_and_is_exported_again(trained, tmp_path):
    _, model = trained
    assert "detector_drawn_faults_auc" in manifests.read(model).training
    export(model / "checkpoint", tmp_path / "model")
    for name in ("detector.onnx", "encoder.onnx", "golden.npz"):
        assert (tmp_path / "model" / name).read_bytes() == (model / name).read_bytes()


def test_a_model_without_a_detector_says_so(vae, images):
    with pytest.raises(InputError, match="has no detector"):
        vae.score(images, method="faults")
    with pytest.raises(InputError, match="has no detector"):
        vae.anomaly_map(images, method="faults")


def test_golden_vectors_with_and_without_faults_are_not_mixed(trained):
    from vae_runtime.checks import verify as checks
    from vae_runtime.model import golden as golden_files
    from vae_runtime.npz import ArraysError

    _, model = trained
    golden = golden_files.read_golden(model, manifests.read(model), "float32")
    replayed = checks.replay(VAE.load(model), golden)
    assert checks.differences(replayed, golden)["nats"] < 1e-2
    assert checks.differences(replayed, golden._replace(faults=golden.faults + 1))["nats"] == pytest.approx(1, abs=1e-3)
    for manifest, vectors, words in (
        (manifests.read(model), golden._replace(faults=None), "faults is missing"),
        (dataclasses.replace(manifests.read(model), graphs={}), golden, "faults is of another model"),
    ):
        with pytest.raises(ArraysError, match=words):
            golden_files._require_fit(vectors, manifest)
