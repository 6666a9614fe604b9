"""The loss against torch.distributions, and the bounds against quadrature."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from vae_train.config import mlp_2d
from vae_train.fit.loss import Terms, bound, draw_terms, loss, reparameterise
from vae_train.measure.bounds import TorchEngine
from vae_train.measure.evaluate import binarise
from vae_train.models.densities import gaussian_kl, kl_per_latent, log_normal
from vae_train.models.likelihood import LEAST_SIGMA, Gaussian
from vae_train.models.likelihood import Bernoulli as BernoulliLikelihood
from vae_train.models.networks import build

from vae_runtime.maths.posterior import Posterior

CPU = torch.device("cpu")
bernoulli_log_likelihood = BernoulliLikelihood().log_prob


@pytest.fixture(scope="module")
def model():
    """A little VAE with one latent, so that log p(x) can be had by summing over z."""
    config = dataclasses.replace(mlp_2d(), latent_size=1, widths=(8,), image_shape=(1, 2, 2))
    model = build(config, CPU)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model.eval()


@pytest.fixture
def images():
    return torch.bernoulli(torch.full((5, 1, 2, 2), 0.5), generator=torch.Generator().manual_seed(0))


def test_the_bernoulli_term_is_torchs(images):
    logits = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)) * 4
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(images)
    torch.testing.assert_close(bernoulli_log_likelihood(images, logits), expected)
    torch.testing.assert_close(BernoulliLikelihood().mean_image(logits), Bernoulli(logits=logits).mean)


def test_the_bernoulli_term_is_the_runtimes_at_any_logit():
    logits = torch.tensor([-80.0, -13.0, 0.0, 13.0, 80.0]).view(5, 1, 1, 1)
    for value in (0.0, 0.5, 1.0):
        images = torch.full_like(logits, value)
        expected = bernoulli_log_likelihood(images.double(), logits.double()).numpy()
        runtime = BernoulliLikelihood().to_runtime().log_prob(images.numpy(), logits.numpy())
        np.testing.assert_allclose(runtime, expected, rtol=1e-6, atol=1e-30)


def test_the_gaussian_term_is_torchs_and_the_runtimes():
    likelihood, random = Gaussian(), torch.Generator().manual_seed(1)
    images, logits = torch.rand(5, 3, 4, 2, generator=random), torch.randn(5, 3, 4, 2, generator=random)
    log_probs = likelihood.log_prob(images, logits)
    expected = Independent(Normal(logits.sigmoid(), likelihood.sigma), 3).log_prob(images)
    torch.testing.assert_close(log_probs, expected)
    runtime = likelihood.to_runtime().log_prob(images.numpy(), logits.sigmoid().numpy())
    np.testing.assert_allclose(log_probs.detach().numpy(), runtime, rtol=1e-6)


def test_sigma_is_learned_to_be_the_root_mean_square_error():
    """The maximum of the likelihood, Rybkin et al. 2021, equation 7; and it stops where pixels' steps are."""
    images = torch.rand(2000, 1, 2, 2, generator=torch.Generator().manual_seed(2)) * 0.2 + 0.4
    logits = torch.zeros_like(images)
    for target, expected in ((images, float(((images - 0.5) ** 2).mean().sqrt())), (logits.sigmoid(), LEAST_SIGMA)):
        likelihood = Gaussian()
        optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            (-likelihood.log_prob(target, logits).mean()).backward()
            optimizer.step()
        assert likelihood.sigma == pytest.approx(expected, rel=0.02)


def test_the_kl_term_is_torchs():
    mean, logvar = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(2))
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_latent(mean, logvar), expected)
    torch.testing.assert_close(gaussian_kl(mean, logvar), expected.sum(1))


def test_the_normal_density_is_torchs():
    z, mean, logvar = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(3))
    expected = Normal(mean, (logvar / 2).exp()).log_prob(z).sum(1)
    torch.testing.assert_close(log_normal(z, mean, logvar), expected)
    torch.testing.assert_close(log_normal(z, 0.0, 0.0), Normal(0.0, 1.0).log_prob(z).sum(1))


def test_gradients_pass_through_the_draw():
    mean, logvar = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
    reparameterise(mean, logvar, torch.full((1, 1), 3.0)).sum().backward()
    assert (mean.grad.item(), logvar.grad.item()) == (1.0, 1.5)


def test_the_elbo_is_the_sum_of_its_terms_at_the_given_noise(model, images):
    eps = torch.randn(1, 5, 1, generator=torch.Generator().manual_seed(4))
    terms = draw_terms(model, images, eps)
    mean, logvar = model.encode(images)
    log_likelihood = bernoulli_log_likelihood(images, model.decode(mean + (logvar / 2).exp() * eps[0]))
    kl = gaussian_kl(mean, logvar)
    torch.testing.assert_close(terms.log_likelihood[0], log_likelihood)
    torch.testing.assert_close(terms.kl[0], kl)
    torch.testing.assert_close(bound(terms), log_likelihood - kl)
    torch.testing.assert_close(loss(terms), -(log_likelihood - kl).mean())
    torch.testing.assert_close(loss(terms.with_kl_weight(0.25)), -(log_likelihood - 0.25 * kl).mean())


@torch.no_grad()
def evidence(model, images):
    """log p(x) by the trapezoid rule over the one latent."""
    z = torch.linspace(-9, 9, 4001, dtype=torch.float32)[:, None]
    logits, prior = model.decode(z), Normal(0.0, 1.0).log_prob(z[:, 0]).double()
    joint = torch.stack([bernoulli_log_likelihood(x.expand(logits.shape), logits).double() + prior for x in images])
    return joint.logsumexp(1) + math.log(18 / 4000)


def test_the_evidence_sums_to_one_over_all_images(model):
    every = torch.tensor([[(number >> bit) & 1 for bit in range(4)] for number in range(16)]).float().view(16, 1, 2, 2)
    assert evidence(model, every).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_the_importance_weighted_bound_reaches_the_evidence_and_the_elbo_lies_below(model, images):
    log_likelihood, kl, iwae_bound = TorchEngine(model, CPU).bounds(images.numpy(), draws=40_000, start=0).T
    expected = evidence(model, images).numpy()
    np.testing.assert_allclose(iwae_bound, expected, atol=0.02, rtol=0)
    assert (log_likelihood - kl < expected).all()


def test_the_bound_that_is_trained_on_is_the_one_that_is_measured(model, images):
    noise = np.stack([Posterior(np.zeros((5, 1), np.float32), np.zeros((5, 1), np.float32)).draws(0, 7, seed=0)])[0]
    terms = draw_terms(model, images, torch.from_numpy(noise).swapaxes(0, 1))
    measured = TorchEngine(model, CPU).bounds(images.numpy(), draws=7, start=0)
    np.testing.assert_allclose(terms.log_likelihood.detach().mean(0), measured[:, 0], rtol=1e-5)
    np.testing.assert_allclose(bound(terms).detach(), measured[:, 2], rtol=1e-5)


def test_the_loss_of_several_draws_weighs_their_gradients_by_their_importance():
    """Burda et al. 2016, equation 14: the gradient is the sum over draws of w_k / sum(w) times that of log w_k."""
    log_weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(6), requires_grad=True)
    loss(Terms(log_weights, torch.zeros(4, 3))).backward()
    torch.testing.assert_close(log_weights.grad, -log_weights.detach().softmax(0) / 3)


def test_several_draws_have_the_weights_of_importance_sampling(model, images):
    """log p(x|z) + log p(z) - log q(z|x), by torch.distributions."""
    eps = torch.randn(6, 5, 1, generator=torch.Generator().manual_seed(4))
    terms = draw_terms(model, images, eps)
    mean, logvar = model.encode(images)
    posterior = Normal(mean, (logvar / 2).exp())
    z = posterior.mean + posterior.stddev * eps
    likelihood = torch.stack([bernoulli_log_likelihood(images, model.decode(draw)) for draw in z])
    ratio = (Normal(0.0, 1.0).log_prob(z) - posterior.log_prob(z)).sum(-1)
    torch.testing.assert_close(terms.log_likelihood - terms.kl, likelihood + ratio)


def test_binarised_images_have_the_grey_levels_as_means():
    grey = np.full((400, 1, 10, 10), 0.3, np.float32)
    drawn = binarise(grey, seed=0)
    assert set(np.unique(drawn).tolist()) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.3, abs=0.01)
    assert np.array_equal(drawn, binarise(grey, seed=0)) and not np.array_equal(drawn, binarise(grey, seed=1))
