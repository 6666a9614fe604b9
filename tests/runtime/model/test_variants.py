"""The tables of likelihoods, priors and scores: a new entry is all that a variant takes."""

from dataclasses import fields

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError, standard_normal
from vae_runtime.maths.likelihood import LIKELIHOODS, read_likelihood, written
from vae_runtime.model import scores
from vae_runtime.model.prior import PRIORS
from vae_runtime.model.scores import SCORES, Score
from vae_runtime.model.strict_json import Reader

MIXED = Score(
    "mixed",
    "how far the mean image is from the picture, and the latent from the prior's centre",
    lambda said: (
        np.abs(said.images - said.mean_image).mean(axis=(1, 2, 3), dtype=float)
        + np.square(said.posterior.mean).sum(axis=1, dtype=float)
    ),
)


@pytest.mark.parametrize("kind", LIKELIHOODS.values())
def test_a_likelihood_is_read_as_it_was_written(kind):
    likelihood = kind(*[0.25] * len(fields(kind)))
    assert read_likelihood(Reader(written(likelihood), "likelihood"), 2, 3) == likelihood


@pytest.mark.parametrize("table", [LIKELIHOODS, PRIORS])
def test_each_entry_has_the_name_that_it_says(table):
    assert all(kind.family == name for name, kind in table.items())


def test_the_command_line_explains_every_score():
    told = "".join(vae_("score", "--help").stdout.split())  # its lines also break behind hyphens
    for name, score in SCORES.items():
        assert score.name == name and "".join(score.help.split()) in told, name


def test_a_score_with_an_entry_is_a_score_everywhere(folder, monkeypatch):
    """What a new one must touch: this table, docs/FORMAT.md and a test."""
    monkeypatch.setitem(SCORES, "mixed", MIXED)
    vae, x = VAE.load(folder), LinearGaussian.make().draw(3, 0)
    assert "mixed" in vae.manifest.scores
    expected = np.abs(x - vae.reconstruct(x)).mean((1, 2, 3)) + np.square(vae.encode(x).mean).sum(1)
    np.testing.assert_allclose(vae.score(x, method="mixed"), expected, rtol=1e-5)
    with pytest.raises(InputError, match=r"method is 'mixed'; expected 'reconstruction' or 'faults'"):
        vae.anomaly_map(x, method="mixed")


def test_torch_computes_a_score_with_an_entry_too(root, monkeypatch):
    """So that an export compares it, and its golden vectors hold it."""
    from vae_export.checks.torch_numbers import torch_numbers
    from vae_export.torch_side import TorchSide
    from vae_train.checkpoint import load_model

    monkeypatch.setitem(SCORES, "mixed", MIXED)
    model, config = load_model(root / "artifacts" / "mnist-2d" / "checkpoint")
    images = TorchSide.of_run(model, config).likely_images(5)
    ours = VAE.load(root / "artifacts" / "mnist-2d").score(images, method="mixed")
    numbers = torch_numbers(TorchSide.of_run(model, config), images, draws=1, methods=("mixed",))
    np.testing.assert_allclose(numbers.scores["mixed"], ours, rtol=1e-5)


def test_a_likelihood_says_which_outputs_its_decoder_has_and_which_it_needs():
    for kind in LIKELIHOODS.values():
        assert set(kind.needs) <= {"images", *kind.decoded}


def test_a_prior_without_graphs_leaves_noise_as_it_is():
    """Servers, which have graphs alone, take noise for latents where there is no `prior_sample`."""
    eps = standard_normal(5, 3, seed=0)
    for name, kind in PRIORS.items():
        if name != "none" and "prior_sample" not in kind.graphs((3,)):
            np.testing.assert_array_equal(kind.opened({}).from_noise(eps, batch_size=64), eps)


def test_a_score_says_what_a_model_lacks(folder):
    manifest = VAE.load(folder).manifest
    lacks = [name for name, score in SCORES.items() if not score.is_of(manifest)]
    assert lacks == ["complexity", "faults"] and manifest.scores == tuple(name for name in SCORES if name not in lacks)
    for name in lacks:
        with pytest.raises(InputError, match=r"Bernoulli models|has no detector"):
            scores.require_score(manifest, name, None)
