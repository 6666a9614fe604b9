"""The mathematics against definitions, quadrature and limits."""

import math
import warnings

import numpy as np
import pytest

from vae_runtime import InputError, Posterior, standard_normal
from vae_runtime.maths.bounds import bits_per_dim, log_mean_exp
from vae_runtime.maths.gaussian import kl_to_standard_normal, log_normal
from vae_runtime.maths.likelihood import Bernoulli, ClippedBernoulli, Gaussian
from vae_runtime.maths.noise import normal_rows, uniform_choice
from vae_runtime.maths.paths import linear, spherical

MASK = 2**64 - 1


def _mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def _element(seed, k):
    """The noise again, in Python integers."""
    key = _mix(seed)
    a, b = _mix((key + 2 * k) & MASK), _mix((key + 2 * k + 1) & MASK)
    u1, u2 = ((a >> 11) + 0.5) / 2**53, (b >> 11) / 2**53
    return math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)


def test_the_noise_is_that_of_the_published_vector():
    np.testing.assert_allclose(
        standard_normal(1, 4, seed=0)[0], [0.4634313, 1.1470288, 1.3444031, 0.2656848], rtol=2e-7
    )


@pytest.mark.parametrize(("seed", "start", "size"), [(0, 0, 3), (7, 5, 40), (2**64 - 1, 2**40, 2), (123, 2**63, 7)])
def test_the_noise_equals_a_second_implementation(seed, start, size):
    expected = [[_element(seed, ((start + i) * size + j) & MASK) for j in range(size)] for i in range(20)]
    noise = standard_normal(20, size, seed=seed, start=start)
    np.testing.assert_array_max_ulp(noise, np.array(expected, np.float32), maxulp=1)


def test_a_row_of_noise_does_not_depend_on_how_many_are_drawn():
    whole = standard_normal(1000, 3, seed=1)
    for n, start in ((1, 0), (1, 999), (7, 500), (333, 333)):
        np.testing.assert_array_equal(standard_normal(n, 3, seed=1, start=start), whole[start : start + n])
    rows = np.array([5, 999, 5, 0], np.uint64)
    np.testing.assert_array_equal(normal_rows(rows, 3, seed=1), whole[[5, 999, 5, 0]])


def test_the_noise_is_normal():
    """Moments of a million draws, within five standard errors, and the tail of a Kolmogorov-Smirnov test."""
    draws = np.sort(standard_normal(1000, 1000, seed=3).ravel().astype(np.float64))
    n = len(draws)
    assert abs(draws.mean()) < 5 / math.sqrt(n)
    assert abs(draws.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((draws**4).mean() - 3) < 5 * math.sqrt(96 / n)
    normal = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in draws[::1000]])
    assert np.abs(normal - np.arange(0, n, 1000) / n).max() < 1.95 / math.sqrt(n)  # p = 0.001


def test_neighbouring_seeds_are_unrelated():
    a, b = (standard_normal(1, 10_000, seed=seed)[0] for seed in (0, 1))
    assert abs(float(np.corrcoef(a, b)[0, 1])) < 0.05


@pytest.mark.parametrize("number", [-1, 2**64, 1.0, 0.5, math.nan, "1", None, True, np.True_, np.float32(1)])
def test_a_seed_or_start_is_a_whole_number_of_64_bits(number):
    posterior = Posterior(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    calls = {
        "seed": lambda: standard_normal(1, 1, seed=number),
        "start": lambda: standard_normal(1, 1, seed=0, start=number),
        "start ": lambda: uniform_choice(1, 2, seed=0, start=number),
        "start  ": lambda: posterior.sample(0, start=number),
        "start   ": lambda: posterior.draws(0, 1, seed=0, start=number),
        "first": lambda: posterior.draws(number, 1, seed=0),
    }
    for name, call in calls.items():
        with pytest.raises(InputError, match=f"^{name.strip()} is .* expected a whole number from 0 to"):
            call()


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int64, np.uint64, np.array])
def test_numpy_integers_are_seeds_and_starts_too(kind):
    expected = standard_normal(2, 2, seed=5, start=7)
    np.testing.assert_array_equal(standard_normal(2, 2, seed=kind(5), start=kind(7)), expected)


def test_after_the_last_row_comes_the_first():
    first, last = standard_normal(2, 3, seed=4), standard_normal(1, 3, seed=4, start=np.uint64(2**64 - 1))
    np.testing.assert_array_equal(standard_normal(3, 3, seed=4, start=2**64 - 1), np.concatenate([last, first]))
    labels = [uniform_choice(1, 50, seed=4, start=(2**64 - 2 + i) % 2**64)[0] for i in range(5)]
    assert uniform_choice(5, 50, seed=4, start=2**64 - 2).tolist() == labels
    # Element 2^62 + i: it begins again at 0 where i is 2^64 - 2^62.
    u2 = (_mix((_mix(4) + 1) & MASK) >> 11) / 2**53
    assert uniform_choice(1, 50, seed=4, start=2**64 - 2**62)[0] == int(50 * u2)


@pytest.mark.parametrize(
    ("first", "start"), [(2**32 - 1, 0), (2**32, 5), (0, 2**32 - 1), (2**64 - 1, 2**64 - 1), (7, 2**63)]
)
def test_draw_s_of_image_i_is_row_s_times_2_to_the_32_plus_i(first, start):
    posterior = Posterior(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32))
    draws = posterior.draws(first, 4, seed=9, start=start)
    for i in range(3):
        for s in range(4):
            row = ((first + s) * 2**32 + start + i) & MASK
            np.testing.assert_array_equal(draws[i, s], standard_normal(1, 2, seed=9, start=row)[0])


def test_log_normal_integrates_to_one():
    z = np.linspace(-12, 12, 4001)[:, None]
    density = np.exp(log_normal(z, np.array([0.7]), np.array([-0.4])))
    assert np.trapezoid(density, z[:, 0]) == pytest.approx(1, abs=1e-9)


def test_the_kl_formula_equals_its_integral():
    mean, logvar = np.array([[0.7]]), np.array([[-0.4]])
    z = np.linspace(-12, 12, 8001)[:, None]
    log_q, log_p = log_normal(z, mean, logvar), log_normal(z, np.zeros(1), np.zeros(1))
    integral = np.trapezoid(np.exp(log_q) * (log_q - log_p), z[:, 0])
    assert kl_to_standard_normal(mean, logvar)[0] == pytest.approx(integral, abs=1e-8)


def test_the_kl_of_the_prior_from_itself_is_zero():
    assert kl_to_standard_normal(np.zeros((2, 5)), np.zeros((2, 5))).tolist() == [0, 0]


def test_bernoulli_probabilities_of_all_images_sum_to_one():
    logits = np.array([-2.0, 0.0, 3.0, -0.5], np.float32).reshape(1, 1, 2, 2)
    every = np.array([[(number >> bit) & 1 for bit in range(4)] for number in range(16)], np.float32)
    assert np.exp(Bernoulli().log_prob(every.reshape(16, 1, 2, 2), logits)).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("x", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("logit", [-80.0, -20.5, -1e-3, 0.0, 3.25, 17.0, 80.0])
def test_the_bernoulli_likelihood_of_any_logit_is_that_of_fifty_digits(x, logit):
    """Against mpmath, which has no overflow, no clipping and no rounding to speak of."""
    mpmath = pytest.importorskip("mpmath")
    x32, logit32 = np.float32(x), np.float32(logit)
    with mpmath.workdps(50):
        value, p = mpmath.mpf(float(x32)), 1 / (1 + mpmath.exp(-mpmath.mpf(float(logit32))))
        expected = float(value * mpmath.log(p) + (1 - value) * mpmath.log(1 - p))
    log_prob = Bernoulli().log_prob(np.full((1, 1, 1, 1), x32), np.full((1, 1, 1, 1), logit32))[0]
    assert log_prob == pytest.approx(expected, rel=3e-7, abs=1e-40)


def test_bernoulli_probabilities_of_version_1_are_clipped_at_a_millionth():
    black, white = np.zeros((1, 1, 1, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
    bernoulli = ClippedBernoulli().log_prob
    assert bernoulli(white, black)[0] == pytest.approx(math.log(1e-6), rel=1e-6)
    assert bernoulli(black, white)[0] == pytest.approx(math.log(1e-6), rel=2e-3)  # 1 - 1e-6 is no float32
    assert bernoulli(black, black)[0] == pytest.approx(math.log1p(-1e-6), rel=2e-2)


def test_the_gaussian_likelihood_integrates_to_one():
    x = np.linspace(-2, 3, 4001)
    density = np.exp(
        Gaussian(0.3).log_prob(x.astype(np.float32).reshape(-1, 1, 1, 1), np.full((1, 1, 1, 1), 0.4, np.float32))
    )
    assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-6)


def test_likelihoods_broadcast_draws_over_images():
    images = np.random.default_rng(0).random((3, 1, 1, 2, 2), np.float32)
    logits = np.random.default_rng(1).random((3, 5, 1, 2, 2), np.float32)
    log_probs = Bernoulli().log_prob(images, logits)
    assert log_probs.shape == (3, 5)
    assert log_probs[2, 4] == Bernoulli().log_prob(images[2], logits[2])[4]


def test_log_mean_exp_does_not_overflow():
    weights = np.array([[-1e4, -1e4 + math.log(3)], [0, 0], [800.0, 800.0]])
    np.testing.assert_allclose(log_mean_exp(weights), [-1e4 + math.log(2), 0, 800])


def test_the_arc_between_perpendicular_unit_latents_stays_on_the_circle():
    arc = spherical(np.array([1, 0], np.float32), np.array([0, 1], np.float32), 5)
    angles = np.linspace(0, np.pi / 2, 5)
    np.testing.assert_allclose(arc, np.stack([np.cos(angles), np.sin(angles)], 1), atol=1e-6)


@pytest.mark.parametrize(("start", "end"), [([0, 0], [1, 2]), ([1, 1], [2, 2]), ([1, 0], [-1, 0]), ([0, 0], [0, 0])])
def test_ends_without_an_arc_of_their_own_are_joined_by_the_line(start, end):
    start, end = np.array(start, np.float32), np.array(end, np.float32)
    arc = spherical(start, end, 7)
    assert np.isfinite(arc).all()
    np.testing.assert_array_equal(arc, linear(start, end, 7))


def test_both_paths_include_their_ends():
    start, end = standard_normal(2, 8, seed=0)
    for path in (linear, spherical):
        np.testing.assert_allclose(path(start, end, 4)[[0, -1]], [start, end], atol=1e-6)


def test_posterior_draws_have_the_posteriors_mean_and_variance():
    posterior = Posterior(np.array([[1, -2]], np.float32), np.array([[0, -1]], np.float32))
    draws = posterior.draws(0, 100_000, seed=0)[0]
    np.testing.assert_allclose(draws.mean(0), [1, -2], atol=0.02)
    np.testing.assert_allclose(draws.var(0), [1, math.exp(-1)], rtol=0.03)


def test_bits_per_dim_of_a_gaussian_are_those_of_a_code_for_bytes():
    """The probability of byte v is the Gaussian's mass from (v - 1/2) / 255 to (v + 1/2) / 255."""
    random, sigma = np.random.default_rng(0), 0.08
    means = random.random((1, 1, 20, 20)).astype(np.float32)
    pixels = np.rint(255 * means + 255 * sigma * random.normal(size=means.shape))

    def below(z):
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    edges = [
        ((v + side) / 255 - m) / sigma for v, m in zip(pixels.flat, means.flat, strict=True) for side in (-0.5, 0.5)
    ]
    masses = [below(high) - below(low) for low, high in zip(edges[::2], edges[1::2], strict=True)]
    by_hand = -np.mean(np.log2(masses))
    nats = -float(Gaussian(sigma).log_prob(pixels.astype(np.float32) / 255, means)[0])
    assert bits_per_dim(nats, 400, family="gaussian") == pytest.approx(by_hand, abs=3e-4)  # bins are not points
    assert bits_per_dim(nats, 400, family="gaussian") == pytest.approx(nats / 400 / math.log(2) + math.log2(255))


def test_bits_per_dim_of_binary_pixels_are_bits():
    pixels = np.array([0, 1, 1, 0], np.float32).reshape(1, 1, 2, 2)
    nats = -float(Bernoulli().log_prob(pixels, np.zeros_like(pixels))[0])
    assert bits_per_dim(nats, 4, family="bernoulli") == pytest.approx(1)


def test_logits_that_overflowed_give_nan_or_infinity_and_no_warning():
    likelihood, ends = Bernoulli(), np.array([np.inf, -np.inf], np.float32).reshape(2, 1, 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_dark = likelihood.log_prob(np.zeros((2, 1, 1, 1), np.float32), ends)
        of_light = likelihood.log_prob(np.ones((2, 1, 1, 1), np.float32), ends)
    assert not np.isfinite(of_dark[0]) and not np.isfinite(of_light).any()
