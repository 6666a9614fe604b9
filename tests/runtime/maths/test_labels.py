"""A prior that knows classes, from the data's labels through training and export to `vae sample --label`."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.stats import multivariate_normal
from vae_export.checks.parity import compare, require_parity
from vae_export.checks.torch_numbers import torch_numbers
from vae_export.pipeline import export
from vae_export.torch_side import TorchSide
from vae_train.checkpoint import BEST, Checkpoint, load_model, save
from vae_train.config import mlp_2d
from vae_train.measure.judge import load_judge
from vae_train.metrics import read_metrics
from vae_train.models.networks import build
from vae_train.models.sampling import prior_latents

from tests.support.folders import edit
from vae_runtime import VAE, InputError, ManifestError
from vae_runtime.checks.verify import verify
from vae_runtime.cli import main
from vae_runtime.maths.labels import Labels
from vae_runtime.maths.noise import standard_normal, uniform_choice
from vae_runtime.model import manifest as manifests

pytestmark = pytest.mark.usefixtures("operators_read_once")


@pytest.fixture(scope="module")
def labels():
    random = np.random.default_rng(0)
    mean, logvar = random.normal(size=(2, 3, 4)).astype(np.float32)
    return Labels(("cat", "dog", "7"), mean, logvar)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three labels whose weights are drawn, not trained."""
    run = tmp_path_factory.mktemp("run")
    config = dataclasses.replace(
        mlp_2d(), latent_size=6, widths=(32,), prior="flow", flow_layers=2, flow_width=16, labels=3
    )
    model = build(config, torch.device("cpu"))
    for parameter in model.prior.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    torch.nn.init.normal_(model.prior.label_mean, 0, 2)
    save(run / BEST, Checkpoint(dict(model.state_dict()), {}))
    (run / "config.json").write_text(config.to_json())
    return run


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "labelled"
    export(run, folder)
    return folder


@pytest.fixture(scope="module")
def labelled(folder):
    return VAE.load(folder, threads=1)


def test_the_mixture_is_scipys(labels):
    eps = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    each = np.stack([multivariate_normal(m, np.diag(np.exp(v))).pdf(eps) for m, v in zip(*labels[1:], strict=True)], 1)
    np.testing.assert_allclose(labels.log_prob(eps), np.log(each.mean(1)), rtol=1e-5)
    np.testing.assert_allclose(labels.probabilities(eps), each / each.sum(1, keepdims=True), rtol=1e-5)


def test_placed_noise_has_the_moments_of_its_label(labels):
    placed = labels.place(standard_normal(50_000, 4, seed=0), np.full(50_000, 1))
    np.testing.assert_allclose(placed.mean(0), labels.mean[1], atol=0.05)
    np.testing.assert_allclose(placed.std(0), np.exp(labels.logvar[1] / 2), rtol=0.02)


def test_choices_are_even_and_the_same_in_any_part():
    choices = uniform_choice(100_000, 10, seed=3)
    np.testing.assert_allclose(np.bincount(choices) / 100_000, 0.1, atol=0.004)
    np.testing.assert_array_equal(uniform_choice(50, 10, seed=3, start=40), choices[40:90])
    assert uniform_choice(8, 10, seed=0).tolist() == [4, 4, 4, 7, 5, 3, 3, 7]
    assert uniform_choice(3, 1, seed=2**64 - 1, start=2**64 - 2).tolist() == [0, 0, 0]


def test_the_export_carries_the_labels_and_verifies(folder, labelled):
    manifest = manifests.read(folder)
    assert manifests.parse(manifest.to_json()) == manifest
    assert labelled.labels == ("0", "1", "2") == tuple(label.name for label in manifest.labels)
    assert verify(folder, providers="cpu", threads=None, precision="float32").passed


def test_the_runtimes_bounds_are_torchs(labelled, run):
    model, config = load_model(run)
    require_parity(compare(TorchSide.of_run(model, config), labelled))
    images = TorchSide.of_run(model, config).likely_images(20)
    numbers, elbo = (
        torch_numbers(TorchSide.of_run(model, config), images, draws=8, methods=()),
        labelled.elbo(images, samples=8),
    )
    for name in ("log_likelihood", "kl", "iwae"):
        np.testing.assert_allclose(getattr(elbo, name), getattr(numbers, name), atol=1e-3, rtol=0)


def test_samples_are_torchs_and_those_of_a_label_are_its_own(labelled, run):
    model, _ = load_model(run)
    with torch.inference_mode():
        expected = model.decode(prior_latents(model, 30, 6, torch.device("cpu"), seed=4)).sigmoid().numpy()
    drawn = labelled.sample(30, seed=4)
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    which = uniform_choice(30, 3, seed=4)
    for label in range(3):
        of_one = labelled.sample(30, label=label, seed=4)
        np.testing.assert_array_equal(of_one[which == label], drawn[which == label])
        assert np.abs(of_one[which != label] - drawn[which != label]).max() > 1e-3
        np.testing.assert_array_equal(of_one[5:9], labelled.sample(4, label=str(label), seed=4, start=5))


def test_the_likeliest_label_of_a_decoded_sample_is_by_bayes_rule(labelled):
    images = labelled.sample(9, seed=1)
    eps = labelled.prior.to_noise(labelled.encode(images).mean, batch_size=64)
    probabilities = labelled.label_probabilities(images)
    densities = [
        multivariate_normal(label.mean, np.diag(np.exp(label.logvar))).pdf(eps) for label in labelled.manifest.labels
    ]
    np.testing.assert_allclose(probabilities, np.transpose(densities / np.sum(densities, axis=0)), rtol=1e-5)


@pytest.mark.parametrize("label", ["3", 3, -1, "one", ""])
def test_an_unknown_label_is_a_sentence(labelled, label):
    with pytest.raises(InputError, match="expected one of 0, 1, 2"):
        labelled.sample(1, label=label)


def test_a_model_without_labels_says_so(vae):
    assert vae.labels == ()
    with pytest.raises(InputError, match="has no labels"):
        vae.sample(1, label=7)
    with pytest.raises(InputError, match="has no labels"):
        vae.label_probabilities(vae.sample(1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda labels: labels.clear(), "one label or more"),
        (lambda labels: labels.append(labels[0]), "each once"),
        (lambda labels: labels[0].pop("mean"), "lacks the key 'mean'"),
        (lambda labels: labels[0]["mean"].pop(), "6 numbers"),
        (lambda labels: labels[0]["logvar"].__setitem__(0, 1e9), "from -30 to 30"),
        (lambda labels: labels[0]["logvar"].__setitem__(0, True), "from -30 to 30"),
        (lambda labels: labels[0].update(extra=1), "unknown key 'extra'"),
        (lambda labels: labels[0].update(name=" "), "plain characters"),
        (lambda labels: labels.append("dog"), "expected a JSON object"),
    ],
)
def test_labels_are_read_strictly(folder, tmp_path, change, words):
    (tmp_path / "manifest.json").write_text((folder / "manifest.json").read_text())
    edit(tmp_path, lambda manifest: change(manifest["prior"]["labels"]))
    with pytest.raises(ManifestError, match=words):
        manifests.read(tmp_path)


def test_the_command_line_samples_a_label(folder, labelled, tmp_path):
    picture = tmp_path / "ones.png"
    result = CliRunner().invoke(main, ["sample", "--label", "1", "-n", "4", "-m", str(folder), "-o", str(picture)])
    assert result.exit_code == 0, result.output
    assert picture.stat().st_size > 100
    assert "labels" in CliRunner().invoke(main, ["info", "-m", str(folder)]).output
    result = CliRunner().invoke(main, ["sample", "--label", "x", "-m", str(folder), "-o", str(picture)])
    assert result.exit_code == 2 and "expected one of 0, 1, 2" in result.output


def test_a_prior_learns_the_labels_of_a_trained_model(tmp_path):
    """Encoder and decoder stay; the noise of the classes parts, and the prior knows more of them than chance would."""
    common = ["--data", "digits", "--device", "cpu", "--threads", "1"]
    common += ["--batch-size", "64", "--learning-rate", "0.003", "--epochs", "6"]
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    labels = ["--from", first, "--labels", "10", "--only-prior", "--kl-warmup-epochs", "0"]
    commands = (
        ["fit", "--preset", "mlp", "--prior", "flow", *common, "--out", first],
        ["fit", "--preset", "mlp", "--prior", "flow", *common, "--out", second, *labels],
        ["fit", "--resume", second, "--epochs", "7"],
        ["evaluate", second, "-k", "2", "--device", "cpu", "--json"],
    )
    for command in commands:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    (before, _), (after, config) = (load_model(tmp_path / name) for name in ("first", "second"))
    assert config.started_from == "first" and config.labels == 10
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name]) == (not name.startswith("prior.")), name
    rows = read_metrics(tmp_path / "second")
    assert rows[-1]["elbo"] > rows[0]["elbo"]
    figures = json.loads(result.stdout)
    assert figures["label_accuracy"] > 0.2 and 0 <= figures["sample_label_agreement"] <= 1  # of ten classes


def test_labels_that_the_data_does_not_have_are_refused(tmp_path):
    command = ["fit", "--preset", "mlp", "--data", "digits", "--labels", "10", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2 and "labels need the prior 'flow'" in result.output
    command = ["fit", "--preset", "mlp", "--prior", "flow", "--data", "digits", "--labels", "9"]
    result = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "run")])
    assert result.exit_code == 2 and "the prior has 9 labels; the data has 10" in result.output


def test_the_shipped_labels_are_what_they_say(root):
    folder = root / "artifacts" / "mnist-conditional"
    model, judge = VAE.load(folder), load_judge()
    right = [(judge.look(model.sample(50, label=label, seed=1))[1].argmax(1) == label).mean() for label in range(10)]
    assert min(right) > 0.8 and np.mean(right) > 0.9, right
    likeliest = model.label_probabilities(model.sample(50, label=3, seed=2)).argmax(1)
    assert (likeliest == 3).mean() > 0.8
    assert verify(folder, providers="cpu", threads=None, precision="float32").passed
