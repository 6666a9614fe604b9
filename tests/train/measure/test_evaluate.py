"""The figures of a card: against what is known of made-up latents, samples and models; stopped, they go on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from vae_train.checkpoint import load_model
from vae_train.data.datasets import digits
from vae_train.measure.bounds import RuntimeEngine, TorchEngine, _Kept, dataset_bounds
from vae_train.measure.compare import figures
from vae_train.measure.judge import frechet_distance, load_judge, sample_quality
from vae_train.measure.latents import active_units, aggregate_posterior_auc, linear_probe
from vae_train.measure.plots import nll_curve

from vae_runtime import VAE, InputError, from_uint8
from vae_runtime.cli import main

CPU = torch.device("cpu")


class CountingEngine:
    """Bounds that are the index of the image, and a tally of the images measured."""

    name, digest = "counting", "1"

    def __init__(self):
        self.measured = []

    def bounds(self, images, *, draws, start):
        rows = np.arange(start, start + len(images))
        if self.measured and self.measured[-1] >= 999:
            raise KeyboardInterrupt
        self.measured += rows.tolist()
        return np.stack([rows, rows + 0.5, np.full(len(rows), draws)], axis=1).astype(float)


def test_a_measurement_that_was_stopped_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("vae_train.measure.bounds.SAVE_SECONDS", 0.0)
    images = np.random.default_rng(0).random((1500, 1, 2, 2), np.float32)
    kept = tmp_path / "bounds.npz"
    first, second, third = CountingEngine(), CountingEngine(), CountingEngine()
    with pytest.raises(KeyboardInterrupt):
        dataset_bounds(first, images, draws=1, kept_in=kept)
    bounds = dataset_bounds(second, images[:1200], draws=1, kept_in=kept)
    assert first.measured == list(range(1000))
    assert second.measured == list(range(1000, 1200))
    np.testing.assert_array_equal(bounds[:, 0], np.arange(1200))
    assert dataset_bounds(third, images[:1000], draws=2, kept_in=kept)[0, 2] == 2  # other draws: measured anew
    assert len(third.measured) == 1000
    third.measured.clear()
    dataset_bounds(third, images[:1300], draws=1, kept_in=kept)
    assert third.measured == list(range(1200, 1300))
    third.measured.clear()
    changed = images[:500].copy()
    changed[7] += 1
    dataset_bounds(third, changed, draws=1, kept_in=kept)
    assert third.measured == [7]


def test_two_measurements_keep_each_others_rows_and_damage_is_time_lost(tmp_path, capsys):
    images, kept = np.zeros((10, 1, 2, 2), np.float32), tmp_path / "bounds.npz"
    first, second = (_Kept(kept, identity, images) for identity in "ab")
    first.rows[:], second.rows[:] = 1, 2
    first.save()
    second.save()
    assert [_Kept(kept, identity, images).rows[0, 0] for identity in "ab"] == [1, 2]
    kept.write_bytes(b"PK damaged")
    assert np.isnan(_Kept(kept, "a", images).rows).all() and "measuring anew" in capsys.readouterr().err


def test_graphs_of_another_model_are_refused(root):
    model, _ = load_model(root / "artifacts" / "mnist-mlp" / "checkpoint")
    images = from_uint8(digits().test_images[:4])
    RuntimeEngine(root / "artifacts" / "mnist-mlp", 1).require_export_of(model, images)
    with pytest.raises(InputError, match="is not the export of this run"):
        RuntimeEngine(root / "artifacts" / "mnist", 1).require_export_of(model, images)


def test_bounds_do_not_depend_on_what_is_measured_beside_them(root):
    model, _ = load_model(root / "artifacts" / "mnist-2d" / "checkpoint")
    images = from_uint8(digits().test_images[:40])
    engine = TorchEngine(model, CPU)
    whole = engine.bounds(images, draws=5, start=0)
    parts = np.concatenate([engine.bounds(images[at : at + 13], draws=5, start=at) for at in range(0, 40, 13)])
    np.testing.assert_allclose(parts, whole, rtol=1e-5)
    more = engine.bounds(images, draws=600, start=0)  # more than are decoded at once
    assert more[:, 2].mean() > whole[:, 2].mean() + 3


@pytest.mark.parametrize("name", ["mnist", "mnist-2d"])
def test_torch_and_runtime_measure_the_same(root, name):
    folder = root / "artifacts" / name
    model, _ = load_model(folder / "checkpoint")
    images = VAE.load(folder).sample(30, seed=3)
    images = (images > 0.5).astype(np.float32)
    by_torch, by_runtime = TorchEngine(model, CPU), RuntimeEngine(folder, 1)
    for draws in (1, 20):
        expected = by_torch.bounds(images, draws=draws, start=10)
        np.testing.assert_allclose(by_runtime.bounds(images, draws=draws, start=10), expected, atol=0.01, rtol=0)
    assert by_torch.name.startswith("torch ") and by_runtime.name.startswith("onnxruntime ")


def test_units_whose_means_never_move_are_not_active():
    mean = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.2, 0.05])
    assert active_units(mean) == 2


def test_a_linear_probe_reads_what_is_linear_and_nothing_from_noise():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 2000)
    told, noise = labels[:, None] * 4 + random.normal(size=(2000, 3)), random.normal(size=(2000, 3))
    halves = slice(0, 1000), slice(1000, 2000)
    for latents, low, high in ((told, 0.97, 1.0), (noise, 0.4, 0.6)):
        train, test = ((latents[half], labels[half]) for half in halves)
        assert low <= linear_probe(train, test, 100) <= high


def test_draws_of_one_law_cannot_be_told_apart_and_those_of_two_can():
    random = np.random.default_rng(0)
    same, moved = random.normal(size=(2, 2000, 3)), random.normal([3, 0, 0], size=(2000, 3))
    assert aggregate_posterior_auc(*same) == pytest.approx(0.5, abs=0.05)
    assert aggregate_posterior_auc(same[0], moved) > 0.95


def test_the_frechet_distance_is_that_of_gaussians():
    random = np.random.default_rng(0)
    x = random.normal(size=(200_000, 2))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + np.array([3, 4])) == pytest.approx(25)
    # Of N(0, 1) and N(0, 9) in each of two dimensions: (3 - 1)^2 twice.
    assert frechet_distance(x, random.normal(size=(200_000, 2)) * 3) == pytest.approx(8, abs=0.1)


def test_the_judge_knows_digits_from_noise(root):
    judge, dataset = load_judge(), digits()
    # Another data set, set like this one: digits 20 pixels high within 28.
    small = [
        np.asarray(Image.fromarray(image[0]).resize((20, 20), Image.Resampling.BOX)) for image in dataset.test_images
    ]
    images = np.pad(from_uint8(np.stack(small)[:, None]), ((0, 0), (0, 0), (4, 4), (4, 4)))
    assert (judge.look(images)[1].argmax(1) == dataset.test_labels).mean() > 0.7
    samples = VAE.load(root / "artifacts" / "mnist").sample(500, seed=1)
    noise = np.random.default_rng(0).random((500, 1, 28, 28), np.float32)
    good, bad = (sample_quality(judge, batch, samples) for batch in (samples, noise))
    assert good["frechet_distance"] == pytest.approx(0, abs=1e-6) and good["class_kl_nats"] == pytest.approx(0)
    assert bad["frechet_distance"] > 100 and bad["class_kl_nats"] > 0.5


def test_runs_are_compared_side_by_side(root):
    runs = [str(root / "artifacts" / name / "checkpoint") for name in ("mnist", "mnist-2d")]
    result = CliRunner().invoke(main, ["compare", *runs])
    assert result.exit_code == 0, result.output
    figures = [
        json.loads((root / "artifacts" / name / "checkpoint" / "evaluation.json").read_text())
        for name in ("mnist", "mnist-2d")
    ]
    line = next(line for line in result.output.splitlines() if line.startswith("NLL "))
    assert line.split() == ["NLL", *(f"{figure['nll_nats']:.2f}" for figure in figures)]
    assert len({len(line) for line in result.output.splitlines()}) == 1
    table = json.loads(CliRunner().invoke(main, ["compare", "--json", *runs]).output)
    assert [table[run]["nll_nats"] for run in runs] == [figure["nll_nats"] for figure in figures]


def test_the_curve_is_drawn(root, tmp_path):
    runs = [str(root / "artifacts" / name / "checkpoint") for name in ("mnist", "mnist-2d")]
    result = CliRunner().invoke(main, ["compare", *runs, "--plot", str(tmp_path / "curve.png")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size[0] > 300
    drawn = nll_curve({run: figures(Path(run)) for run in runs}).axes[0].lines[0].get_xydata()
    assert drawn.tolist() == sorted([figures(Path(run))["parameters"], figures(Path(run))["nll_nats"]] for run in runs)


def test_a_run_that_was_not_evaluated_is_one_sentence(root, tmp_path):
    result = CliRunner().invoke(main, ["compare", str(tmp_path)])
    assert result.exit_code == 2 and f"vae evaluate {tmp_path}" in result.output
    (tmp_path / "evaluation.json").write_text("{")
    result = CliRunner().invoke(main, ["compare", str(tmp_path)])
    assert result.exit_code == 2 and "is not JSON" in result.output
