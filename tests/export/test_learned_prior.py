"""A model with a learned prior, from torch through the export to the runtime."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from vae_export.checks.parity import compare, require_parity
from vae_export.checks.torch_numbers import torch_numbers
from vae_export.pipeline import export
from vae_export.torch_side import TorchSide
from vae_train.checkpoint import BEST, Checkpoint, load_model, save
from vae_train.config import mlp_2d
from vae_train.models.networks import build

from tests.support.folders import edit
from vae_runtime import VAE, ManifestError, standard_normal
from vae_runtime.checks.verify import verify
from vae_runtime.maths.paths import spherical
from vae_runtime.model import manifest as manifests

pytestmark = pytest.mark.usefixtures("operators_read_once")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose weights are drawn, not trained."""
    run = tmp_path_factory.mktemp("run")
    config = dataclasses.replace(mlp_2d(), latent_size=6, widths=(32,), prior="flow", flow_layers=2, flow_width=16)
    model = build(config, torch.device("cpu"))
    for parameter in model.prior.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)  # far from the identity, and as tame as what training gives
    save(run / BEST, Checkpoint(dict(model.state_dict()), {}))
    (run / "config.json").write_text(config.to_json())
    return run


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "flow"
    export(run, folder)
    return folder


@pytest.fixture(scope="module")
def flow(folder):
    return VAE.load(folder, threads=1)


@pytest.fixture(scope="module")
def model(run):
    return load_model(run)[0]


def test_the_folder_holds_four_graphs_of_one_export_and_verifies(folder):
    manifest = manifests.read(folder)
    assert manifest.prior == "flow" and manifest.precisions == ("float32",)
    assert set(manifest.graphs) == {"encoder", "decoder", "prior_sample", "prior_log_prob"}
    assert manifests.parse(manifest.to_json()) == manifest
    assert verify(folder, providers="cpu", threads=None, precision="float32").passed


def test_exporting_it_again_gives_the_same_bytes(run, folder, tmp_path):
    export(run, tmp_path / "flow")
    assert manifests.read(tmp_path / "flow").graphs == manifests.read(folder).graphs


def test_the_runtimes_prior_is_torchs(flow, model):
    eps = standard_normal(200, 6, seed=1)
    with torch.inference_mode():
        z = model.prior.from_noise(torch.from_numpy(eps))
        log_prob = model.prior.log_prob(z)
    np.testing.assert_allclose(flow.prior.from_noise(eps, batch_size=64), z, atol=1e-4)
    np.testing.assert_allclose(flow.prior.log_prob(z.numpy(), batch_size=64), log_prob, atol=1e-3)


def test_the_two_graphs_are_inverse_of_each_other(flow):
    eps = standard_normal(200, 6, seed=2)
    z = flow.prior.from_noise(eps, batch_size=64)
    assert np.abs(z - eps).max() > 0.3
    np.testing.assert_allclose(flow.prior.to_noise(z, batch_size=64), eps, atol=1e-4)


def test_a_sample_is_decoded_noise_that_went_through_the_prior(flow):
    eps = standard_normal(5, 6, seed=3, start=2)
    z = flow.prior.from_noise(eps * np.float32(0.7), batch_size=64)
    np.testing.assert_array_equal(flow.sample(5, seed=3, start=2, temperature=0.7), flow.decode(z))
    assert np.abs(flow.sample(5, seed=3) - flow.decode(standard_normal(5, 6, seed=3))).max() > 0.01


def test_samples_and_bounds_are_bit_equal_for_any_batch_size_and_thread_count(folder, flow):
    images = flow.sample(20, seed=0)
    bounds, scores = flow.elbo(images, samples=5), flow.score(images)
    for threads, batch_size in ((1, 1), (2, 7), (3, 20)):
        other = VAE.load(folder, threads=threads)
        np.testing.assert_array_equal(other.sample(20, seed=0, batch_size=batch_size), images)
        np.testing.assert_array_equal(other.score(images, batch_size=batch_size), scores)
        for bound, expected in zip(other.elbo(images, samples=5, batch_size=batch_size)[:3], bounds[:3], strict=True):
            np.testing.assert_array_equal(bound, expected)


def test_the_bounds_are_torchs_with_the_same_noise(flow, model, run):
    images = TorchSide.of_run(model, load_model(run)[1]).likely_images(30)
    numbers, elbo = (
        torch_numbers(TorchSide.of_run(model, load_model(run)[1]), images, draws=8, methods=flow.manifest.scores),
        flow.elbo(images, samples=8),
    )
    for name in ("log_likelihood", "kl", "iwae"):
        np.testing.assert_allclose(getattr(elbo, name), getattr(numbers, name), atol=1e-3, rtol=0)
    for method, score in numbers.scores.items():
        np.testing.assert_allclose(flow.score(images, method=method), score, atol=1e-3, rtol=0)


def test_all_differences_stay_within_the_limits(flow, model, run):
    differences = compare(TorchSide.of_run(model, load_model(run)[1]), flow)
    require_parity(differences)
    assert {item.tensor for item in differences} == {"mean", "logvar", "z", "images", "logits", "nats"}


def test_the_spherical_path_runs_through_the_noise(flow):
    images = flow.sample(2, seed=5)
    noise = flow.prior.to_noise(flow.encode(images).mean, batch_size=2)
    z = flow.prior.from_noise(spherical(noise[0], noise[1], 5), batch_size=64)
    np.testing.assert_array_equal(flow.interpolate(images[0], images[1], steps=5, path="spherical"), flow.decode(z))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["graphs"].pop("prior_sample"), "lacks the key 'prior_sample'"),
        (lambda m: m["prior"].update(family="standard_normal"), "unknown key 'prior_"),
        (lambda m: m["prior"].update(family="mixture"), "one of standard_normal, flow"),
    ],
)
def test_the_graphs_must_be_those_of_the_prior(folder, tmp_path, change, words):
    (tmp_path / "manifest.json").write_text((folder / "manifest.json").read_text())
    edit(tmp_path, change)
    with pytest.raises(ManifestError, match=words):
        manifests.read(tmp_path)


def test_a_flow_run_can_be_fitted_resumed_and_measured(tmp_path, root):
    from click.testing import CliRunner

    from vae_runtime.cli import main

    arguments = ["--preset", "mlp-2d", "--data", "digits", "--prior", "flow", "--device", "cpu"]
    for command in (
        ["fit", *arguments, "--epochs", "1", "--out", str(tmp_path / "run")],
        ["fit", "--resume", str(tmp_path / "run"), "--epochs", "2", "--device", "cpu"],
        ["evaluate", str(tmp_path / "run"), "-k", "3", "--device", "cpu"],
    ):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert figures["elbo_nats"] == pytest.approx(figures["log_likelihood_nats"] - figures["kl_nats"])
    assert -figures["nll_nats"] >= figures["elbo_nats"]
