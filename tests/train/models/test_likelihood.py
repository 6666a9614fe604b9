"""One object a likelihood: what each says of itself, and how its bounds are shown."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import Bernoulli as TorchBernoulli
from vae_train.config import LIKELIHOOD_NAMES, PRIOR_NAMES
from vae_train.models.likelihood import LEAST_SIGMA, LIKELIHOODS, Bernoulli, Gaussian, best_sigma_log_prob
from vae_train.models.prior import PRIORS, StandardNormal
from vae_train.models.units import BitsPerDim, Nats

from vae_runtime.maths.likelihood import written


def test_the_command_line_offers_the_families_that_there_are():
    """It has their names without torch."""
    assert tuple(LIKELIHOODS) == LIKELIHOOD_NAMES and tuple(PRIORS) == PRIOR_NAMES


def test_a_likelihood_says_what_a_manifest_takes():
    assert written(Bernoulli().to_runtime()) == {"family": "bernoulli"}
    assert written(Gaussian(0.25).to_runtime()) == {"family": "gaussian", "sigma": pytest.approx(0.25)}
    assert Gaussian(0.1).at_sigma(0.5).sigma == pytest.approx(0.5)
    assert Gaussian(0.0).sigma == pytest.approx(LEAST_SIGMA)  # of images without an error
    with pytest.raises(TypeError, match="has no sigma"):
        Bernoulli().at_sigma(0.1)


@pytest.mark.parametrize("family", LIKELIHOODS.values())
def test_the_mean_image_is_where_the_likelihood_is_highest_for_some_image(family):
    """A Bernoulli's of grey images as a Gaussian's: no other mean fits an image better than the image itself."""
    likelihood, logits = family(), torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    image = likelihood.mean_image(logits).detach()
    (slope,) = torch.autograd.grad(likelihood.log_prob(image, logits).sum(), logits)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-5, rtol=0)


def test_the_best_sigma_is_the_root_mean_square_error_and_its_density_scipys():
    errors = np.random.default_rng(0).normal(0, 0.2, (50, 12))
    log_prob, sigma = best_sigma_log_prob(float((errors**2).mean()), 12)
    assert sigma == pytest.approx(math.sqrt((errors**2).mean()))
    assert log_prob == pytest.approx(norm(0, sigma).logpdf(errors).sum(1).mean())
    assert log_prob > max(norm(0, factor * sigma).logpdf(errors).sum(1).mean() for factor in (0.9, 1.1))


def test_the_mean_picture_is_a_bernoulli_of_its_own():
    images = np.random.default_rng(1).integers(0, 2, (20, 1, 3, 3), np.uint8) * 255
    mean = np.full((1, 3, 3), 0.3)
    expected = TorchBernoulli(torch.tensor(mean)).log_prob(torch.from_numpy(images / 255)).sum((1, 2, 3)).mean()
    parts = (images[:7], images[7:])
    assert Bernoulli.mean_picture_log_prob(mean, parts) == pytest.approx(float(expected))


def test_bounds_are_shown_as_costs():
    """Nats as they are; a density of 12 numbers as bits of bytes, which are 255 times as dense."""
    assert Nats().text(-81.234, 784, named=True) == "81.23 nats" and Nats().raw_bytes is None
    assert Nats().terms(-60.0, 20.0) == " = 60.00 + KL 20.00" and Nats().divergence(20.0, 784) == 20.0
    uniform = BitsPerDim().cost(0.0, 12)  # a density of 1 over [0, 1]
    assert uniform == pytest.approx(math.log2(255)) and BitsPerDim().raw_bytes == 8
    assert BitsPerDim().cost(12 * math.log(2), 12) == pytest.approx(uniform - 1)
    assert BitsPerDim().divergence(12 * math.log(2), 12) == pytest.approx(1)
    assert BitsPerDim().text(0.0, 12, named=True) == "7.994 bits a dimension" and BitsPerDim().terms(-1.0, 1.0) == ""


def test_the_standard_normals_noise_is_its_latent():
    z = torch.randn(4, 3)
    eps, log_determinant = StandardNormal().to_noise(z)
    assert torch.equal(eps, z) and torch.equal(log_determinant, torch.zeros(4))
