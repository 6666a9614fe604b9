"""`vae export --from`: from another library's files to a model that verifies, and its refusals with exit codes."""

import importlib.util

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from pythae import models
from vae_export.cli.foreign import KINDS
from vae_export.foreign.adapters.table import ADAPTERS

from vae_runtime import VAE
from vae_runtime.cli import main

SHAPE, LATENTS = (1, 8, 8), 3
IMAGES = np.random.default_rng(0).random((3, *SHAPE), np.float32)


@pytest.fixture
def saved(tmp_path):
    """A folder of pythae's own VAE, and the model in it."""
    torch.manual_seed(0)
    config = models.VAEConfig(input_dim=SHAPE, latent_dim=LATENTS, reconstruction_loss="bce")
    model = models.VAE(config).eval()
    model.save(str(tmp_path / "saved"))
    return tmp_path / "saved", model


def run(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_a_folder_of_pythae_becomes_a_model_with_pythaes_own_loss(saved, tmp_path):
    """-ELBO by the runtime is pythae's loss, with the same noise."""
    folder, model = saved
    result = run("--from", "pythae", folder, tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert f"Wrote {tmp_path / 'model'}. Next: vae verify" in result.stdout
    vae = VAE.load(tmp_path / "model")
    posterior = vae.encode(IMAGES)
    z = posterior.draws(0, 1, seed=0)[:, 0]
    with torch.no_grad():
        x, mean, logvar = map(torch.from_numpy, (IMAGES, posterior.mean, posterior.logvar))
        theirs = model.encoder(x)
        decoded = model.decoder(torch.from_numpy(z)).reconstruction
        _, reconstruction, kl = model.loss_function(decoded, x, mean, logvar, None)
    np.testing.assert_allclose(posterior.mean, theirs.embedding, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vae.decode(z), decoded, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vae.elbo(IMAGES, samples=1, seed=0).value.mean(), -(reconstruction + kl), rtol=1e-5)
    assert vae.manifest.name == "model"


def test_the_license_of_a_foreign_model_is_unknown_unless_said(saved, tmp_path):
    assert run("--from", "pythae", saved[0], tmp_path / "a").exit_code == 0
    assert run("--from", "pythae", saved[0], tmp_path / "b", "--license", "MIT").exit_code == 0
    assert [VAE.load(tmp_path / name).manifest.license for name in "ab"] == ["unknown", "MIT"]


def test_the_kinds_on_the_command_line_are_those_of_the_table():
    assert set(KINDS) == set(ADAPTERS)
    assert all(kind == adapter.name for kind, adapter in ADAPTERS.items())


@pytest.mark.parametrize("kind", ["pythae", "diffusers", "keras"])
def test_a_library_that_is_not_there_is_named_with_the_command_that_brings_it(kind, monkeypatch, tmp_path):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == kind else there(name, *a))
    result = run("--from", kind, tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert result.exit_code == 3
    assert f"--from {kind} needs {kind}; install what is missing with: pip install {kind}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a"], "expected RUN and MODEL; got 1 path."),
        (["a", "b", "c"], "expected RUN and MODEL; got 3 paths."),
        (["no-such-run", "b"], "Invalid value for 'RUN': Directory 'no-such-run' does not exist."),
        (["a", "b", "--sigma", "0.1"], "--sigma is of --from."),
        (["a", "b", "--trust-pickle"], "--trust-pickle is of --from."),
        (["a", "b", "--from", "caffe"], "'caffe' is not one of"),
        (["a", "b", "--from", "pythae", "--image-shape", "28,28"], "'28,28' is not of the form 3,64,64."),
        (["a", "b", "--from", "pythae", "--value-range", "black"], "'black' is not of the form -1,1."),
        (["a", "b", "--from", "pythae", "--layout", "triton"], "--layout is of runs and of model folders, not of"),
        (["no-such", "b", "--from", "pythae"], "no-such does not exist."),
        (["b", "--from", "keras"], "--from keras takes ENCODER.keras DECODER.keras and then MODEL; got 0 and MODEL."),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(arguments, told):
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


def test_a_refused_model_leaves_nothing(saved, tmp_path):
    (saved[0] / "model.pt").unlink()
    result = run("--from", "pythae", saved[0], tmp_path / "model")
    assert result.exit_code == 2 and "model.pt does not exist" in result.stderr
    assert not (tmp_path / "model").exists()
