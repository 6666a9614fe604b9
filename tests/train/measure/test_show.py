"""What people look at: the table of an evaluation, the latent map's legend, the loss curves of a density."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from vae_train.data.datasets import Dataset
from vae_train.fit.training import fit
from vae_train.measure.compare import table
from vae_train.measure.evaluate import evaluate
from vae_train.measure.plots import OTHERS, _Plots, loss_curves
from vae_train.models.networks import build

from tests.support.small_runs import bars, small
from vae_runtime.cli import main

CPU = torch.device("cpu")
GAUSSIAN = {"likelihood": "gaussian", "targets": "grey"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    fit(small("mlp-2d", data="digits", epochs=1), tmp_path / "run", bars(), CPU)
    monkeypatch.setattr("vae_train.data.datasets.load", lambda name, folder: bars())
    return tmp_path / "run"


def test_an_evaluation_is_a_table_for_people_and_json_for_programs(run):
    shown = CliRunner().invoke(main, ["evaluate", str(run), "-k", "2"])
    assert shown.exit_code == 0, shown.output
    assert "{" not in shown.stdout and any(line.startswith("ELBO  ") for line in shown.stdout.splitlines())
    figures = json.loads(CliRunner().invoke(main, ["evaluate", str(run), "-k", "2", "--json"]).stdout)
    assert figures == json.loads((run / "evaluation.json").read_text())
    assert f"{figures['elbo_nats']:.2f}" in shown.stdout


def test_what_cannot_be_measured_is_said_with_its_reason(run):
    figures = json.loads(CliRunner().invoke(main, ["evaluate", str(run), "-k", "2", "--json"]).stdout)
    missing = figures["not_measured"]
    assert "30 test images are too few" in missing["active_units"] and "active_units" not in figures
    assert "judge of samples knows digits" in missing["sample_frechet_distance"]
    assert "linear_probe_accuracy" in figures  # two labels, in the test images too
    assert "Not measured: active units: 30 test images are too few" in table({"run": figures})


def test_labels_that_only_test_images_have_are_no_crash():
    images = bars()
    config = dataclasses.replace(small("mlp-2d", **GAUSSIAN), data="photos")
    strange = images._replace(test_labels=images.test_labels + 5)
    figures = evaluate(build(config, CPU), config, strange, CPU, draws=(1,))
    assert "no training image has" in figures["not_measured"]["linear_probe_accuracy"]
    alone = images._replace(train_labels=images.train_labels * 0, test_labels=images.test_labels * 0)
    figures = evaluate(build(config, CPU), config, alone, CPU, draws=(1,))
    assert "have one label" in figures["not_measured"]["linear_probe_accuracy"]
    assert figures["png_bits_per_dim"] > 0 and figures["mean_picture_bits_per_dim"] > 0


def legend_of(labels, classes=()):
    config = small("mlp-2d")
    images = np.zeros((len(labels), 1, 8, 8), np.uint8)
    data = Dataset(images, labels, images, labels, classes)
    axes = _Plots(build(config, CPU), config, data, CPU).latent_map().axes[0]
    return [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else None


def test_the_latent_map_names_the_folders_and_not_more_than_have_a_colour():
    labels = np.arange(60, dtype=np.uint8)
    assert legend_of(labels % 3, ("", "cats", "dogs")) == ["(no folder)", "cats", "dogs"]
    assert legend_of(labels % 2) == ["0", "1"]
    assert legend_of(labels * 0) is None  # one label tells nothing
    many = legend_of(labels % 40)
    assert many[0] == OTHERS and len(many) == 20


def test_the_curves_of_a_density_are_bits_a_dimension_and_of_binary_pixels_nats():
    row = {"elbo": 100.0, "log_likelihood": 110.0, "kl": 10.0, "validation_bound": 90.0}
    rows = [{"epoch": epoch, **row} for epoch in (1, 2)]
    left, right = loss_curves(rows, small("mlp", **GAUSSIAN)).axes
    assert left.get_ylabel() == "bits a dimension" and "lower is better" in left.get_title()
    trained_on, held_out = (line.get_ydata()[0] for line in left.lines)
    assert trained_on == pytest.approx(np.log2(255) - 100 / 64 / np.log(2)) and held_out > trained_on
    assert [line.get_label() for line in left.lines] == ["trained on", "held out"]
    assert sum(line.get_ydata()[0] for line in right.lines) == pytest.approx(trained_on)
    left, _ = loss_curves(rows, small("mlp")).axes
    assert left.get_ylabel() == "nats an image" and left.lines[0].get_ydata()[0] == -100
