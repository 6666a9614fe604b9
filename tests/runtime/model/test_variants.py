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


@pytest.mark.parametrize("kind", LIKELIHOODS.values())
def test_a_likelihood_is_read_as_it_was_written(kind):
    likelihood = kind(*[0.25] * len(fields(kind)))
    assert read_likelihood(Reader(written(likelihood), "likelihood"), 2) == likelihood


@pytest.mark.parametrize("table", [LIKELIHOODS, PRIORS])
def test_each_entry_has_the_name_that_it_says(table):
    assert all(kind.family == name for name, kind in table.items())


def test_the_command_line_explains_every_score():
    told = "".join(vae_("score", "--help").stdout.split())  # its lines also break behind hyphens
    for name, score in SCORES.items():
        assert score.name == name and "".join(score.help.split()) in told, name


def test_a_score_with_an_entry_is_a_score_everywhere(folder, monkeypatch):
    """What a new one must touch: this table, docs/FORMAT.md and a test."""
    brightness = Score(
        "brightness", "the mean of the picture", lambda said: said.images.mean(axis=(1, 2, 3), dtype=float)
    )
    monkeypatch.setitem(SCORES, "brightness", brightness)
    vae, x = VAE.load(folder), LinearGaussian.make().draw(3, 0)
    assert "brightness" in vae.manifest.scores
    np.testing.assert_allclose(vae.score(x, method="brightness"), x.mean((1, 2, 3)), rtol=1e-6)
    with pytest.raises(InputError, match=r"method is 'brightness'; expected 'reconstruction' or 'faults'"):
        vae.anomaly_map(x, method="brightness")


def test_a_likelihood_says_which_outputs_its_decoder_has_and_which_it_needs():
    for kind in LIKELIHOODS.values():
        assert set(kind.needs) <= {"images", *kind.decoded}


def test_a_prior_without_graphs_leaves_noise_as_it_is():
    """Servers, which have graphs alone, take noise for latents where there is no `prior_sample`."""
    eps = standard_normal(5, 3, seed=0)
    for kind in PRIORS.values():
        if "prior_sample" not in kind.graphs(3):
            np.testing.assert_array_equal(kind.opened({}).from_noise(eps, batch_size=64), eps)


def test_a_score_says_what_a_model_lacks(folder):
    manifest = VAE.load(folder).manifest
    lacks = [name for name, score in SCORES.items() if not score.is_of(manifest)]
    assert lacks == ["complexity", "faults"] and manifest.scores == tuple(name for name in SCORES if name not in lacks)
    for name in lacks:
        with pytest.raises(InputError, match=r"Bernoulli models|has no detector"):
            scores.require_score(manifest, name, None)
