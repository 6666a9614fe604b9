"""class VAE against a model whose evidence is known exactly, and against its own promises."""

import pickle
import threading

import numpy as np
import pytest

from tests.support.linear_gaussian import LATENTS, SHAPE, SIGMA, LinearGaussian
from vae_runtime import VAE, InputError, standard_normal


@pytest.fixture(scope="module")
def ppca():
    return LinearGaussian.make()


@pytest.fixture(scope="module")
def exact(ppca, tmp_path_factory):
    return VAE.load(ppca.write(tmp_path_factory.mktemp("models") / "exact"), threads=1)


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    """The same model with a posterior twice as wide as the true one."""
    model = LinearGaussian.make(logvar_error=2 * np.log(2))
    return VAE.load(model.write(tmp_path_factory.mktemp("models") / "loose"), threads=1)


def test_encode_gives_the_true_posterior(ppca, exact):
    images = ppca.draw(20, seed=1)
    posterior = exact.encode(images)
    np.testing.assert_allclose(posterior.mean, ppca.posterior_mean(images), atol=1e-5)
    np.testing.assert_allclose(posterior.logvar, np.tile(ppca.posterior_logvar, (20, 1)), atol=1e-6)


def test_decode_gives_the_mean_of_the_likelihood(ppca, exact):
    z = standard_normal(9, LATENTS, seed=3)
    expected = (z @ ppca.weights.T + ppca.offset).reshape(9, *SHAPE)
    np.testing.assert_allclose(exact.decode(z), expected, atol=1e-6)


def test_reconstruct_decodes_the_posterior_mean(ppca, exact):
    images = ppca.draw(5, seed=2)
    expected = (ppca.posterior_mean(images) @ ppca.weights.T + ppca.offset).reshape(images.shape)
    np.testing.assert_allclose(exact.reconstruct(images), expected, atol=1e-5)


def test_every_importance_weight_of_the_true_posterior_is_the_evidence(ppca, exact):
    images = ppca.draw(50, seed=4)
    evidence = ppca.log_evidence(images)
    for samples in (1, 2, 7):
        np.testing.assert_allclose(exact.elbo(images, samples=samples).iwae, evidence, atol=1e-4)


def test_the_elbo_of_the_true_posterior_is_the_evidence_on_average(ppca, exact):
    images = ppca.draw(50, seed=5)
    elbo = exact.elbo(images, samples=4000)
    # The log-likelihood's draws have a deviation of about 1 nat each.
    np.testing.assert_allclose(elbo.value, ppca.log_evidence(images), atol=0.1)


def test_minus_the_score_of_the_true_posterior_is_the_evidence(ppca, exact):
    images = ppca.draw(50, seed=6)
    np.testing.assert_allclose(-exact.score(images), ppca.log_evidence(images), atol=1e-4)


def test_a_stranger_image_scores_higher(exact):
    likely, strange = np.full((1, *SHAPE), 0.5, np.float32), np.zeros((1, *SHAPE), np.float32)
    assert exact.score(strange)[0] > exact.score(likely)[0] + 1


def test_the_gap_of_a_loose_posterior_is_its_divergence_from_the_true_one(ppca, loose):
    images = ppca.draw(30, seed=7)
    excess = loose.encode(images).logvar[0] - ppca.posterior_logvar
    divergence = 0.5 * float(np.sum(np.exp(excess) - 1 - excess))  # KL(q(z|x) || p(z|x)), both with the same mean
    elbo = loose.elbo(images, samples=4000)
    np.testing.assert_allclose(ppca.log_evidence(images) - elbo.value, divergence, atol=0.3)


def test_the_importance_weighted_bound_rises_to_the_evidence(ppca, loose):
    images = ppca.draw(200, seed=8)
    evidence = ppca.log_evidence(images)
    gaps = [float((evidence - loose.elbo(images, samples=samples).iwae).mean()) for samples in (1, 10, 2000)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert abs(gaps[2]) < 0.01


def test_the_kl_term_is_that_of_the_formula(ppca, exact):
    images = ppca.draw(3, seed=9)
    mean, variance = ppca.posterior_mean(images), np.exp(ppca.posterior_logvar)
    expected = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(1)
    np.testing.assert_allclose(exact.elbo(images).kl, expected, atol=1e-5)


def test_bits_per_dim_of_a_density_are_of_bytes_and_of_binary_pixels_of_bits(ppca, exact, vae):
    """By hand: -ELBO / (D ln 2), and log2 255 more where a byte is a width of 1/255 of a density."""
    elbo = exact.elbo(ppca.draw(3, seed=9))
    np.testing.assert_allclose(elbo.bits_per_dim, -elbo.value / (6 * 0.6931471805599453) + 7.994353436858858)
    binary = vae.elbo(vae.sample(2, seed=0).round())
    np.testing.assert_allclose(binary.bits_per_dim, -binary.value / (784 * 0.6931471805599453))


def test_more_draws_add_to_the_few_and_change_none(ppca, exact):
    images = ppca.draw(3, seed=10)
    few, many = exact.encode(images).draws(0, 3, seed=5), exact.encode(images).draws(0, 8, seed=5)
    np.testing.assert_array_equal(few, many[:, :3])
    np.testing.assert_array_equal(exact.encode(images).sample(5), many[:, 0])


def test_the_elbo_of_an_image_does_not_depend_on_what_else_is_in_the_batch(vae):
    images = np.concatenate([vae.sample(6, seed=2), np.zeros((3, *vae.image_shape), np.float32)])
    whole = vae.elbo(images, samples=5, seed=3)
    for batch_size in (1, 2, 64):
        parts = vae.elbo(images[4:], samples=5, seed=3, start=4, batch_size=batch_size)
        for name in ("log_likelihood", "kl", "iwae"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name)[4:])
    np.testing.assert_array_equal(vae.score(images)[4:], vae.score(images[4:], batch_size=1))


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp", "mnist-2d"])
def test_samples_are_bit_equal_for_any_batch_size_and_thread_count(model, root):
    path = root / "artifacts" / model
    expected = VAE.load(path, threads=1).sample(70, seed=7, batch_size=64)
    for threads in (1, 2, 3):
        vae = VAE.load(path, threads=threads)
        for batch_size in (1, 3, 7, 32, 70):
            np.testing.assert_array_equal(vae.sample(70, seed=7, batch_size=batch_size), expected)
    np.testing.assert_array_equal(vae.sample(3, seed=7), expected[:3])
    np.testing.assert_array_equal(vae.sample(5, seed=7, start=60), expected[60:65])


def test_encoding_is_bit_equal_for_any_batch_size(vae):
    images = vae.sample(40, seed=1)
    expected = vae.encode(images)
    for batch_size in (1, 3, 7, 33):
        for encoded, wanted in zip(vae.encode(images, batch_size=batch_size), expected, strict=True):
            np.testing.assert_array_equal(encoded, wanted)


def test_a_temperature_scales_the_noise(vae):
    eps = standard_normal(4, vae.latent_size, seed=0)
    z = vae.prior.from_noise(eps * np.float32(0.5), batch_size=4)
    np.testing.assert_array_equal(vae.sample(4, temperature=0.5), vae.decode(z))
    np.testing.assert_array_equal(vae.sample(2, temperature=0)[0], vae.sample(2, temperature=0)[1])


def test_interpolation_starts_and_ends_at_the_reconstructions(vae):
    images = vae.sample(2, seed=4)
    for path in ("linear", "spherical"):
        strip = vae.interpolate(images[0], images[1:], steps=5, path=path)
        assert strip.shape == (5, *vae.image_shape)
        np.testing.assert_allclose(strip[[0, -1]], vae.reconstruct(images), atol=1e-5)


def test_nothing_in_is_nothing_out(vae):
    empty, no_latents = np.empty((0, *vae.image_shape), np.float32), np.empty((0, vae.latent_size), np.float32)
    assert vae.sample(0).shape == vae.decode(no_latents).shape == vae.reconstruct(empty).shape == empty.shape
    assert vae.encode(empty).mean.shape == no_latents.shape
    assert vae.score(empty).shape == vae.elbo(empty, samples=3).iwae.shape == (0,)


def test_outputs_are_float32_images_and_float64_nats(vae):
    images = vae.sample(2)
    assert images.dtype == vae.encode(images).logvar.dtype == np.float32
    assert vae.score(images).dtype == vae.elbo(images).iwae.dtype == np.float64
    assert images.min() >= 0 and images.max() <= 1


def test_float64_and_any_memory_layout_are_taken(vae):
    images = vae.sample(3)
    expected = vae.encode(images).mean
    for same in (images.astype(np.float64), np.asfortranarray(images), np.ascontiguousarray(images[::-1])[::-1]):
        np.testing.assert_array_equal(vae.encode(same).mean, expected)


def test_a_vae_is_pickled_as_its_path_and_opens_again(vae):
    content = pickle.dumps(vae)
    assert len(content) < 1000
    np.testing.assert_array_equal(pickle.loads(content).sample(3), vae.sample(3))


def test_eight_threads_share_one_vae(vae):
    expected = [vae.sample(n, seed=n) for n in range(1, 9)]
    wrong = []

    def work(n):
        for _ in range(10):
            if not np.array_equal(vae.sample(n, seed=n), expected[n - 1]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _image(**changes):
    image = np.zeros((2, 1, 28, 28), changes.pop("dtype", np.float32))
    for place, number in changes.pop("at", {}).items():
        image[place] = number
    return image


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (_image(dtype=np.uint8), ["uint8", "from_uint8"]),
        (_image()[0, 0], ["[28, 28]", "[batch, 1, 28, 28]"]),
        (_image()[0], ["[1, 28, 28]", "images[None]"]),
        (_image().transpose(0, 2, 3, 1), ["[2, 28, 28, 1]", "transpose(0, 3, 1, 2)"]),
        (np.zeros((2, 1, 32, 32), np.float32), ["[2, 1, 32, 32]", "[batch, 1, 28, 28]"]),
        (_image(at={(1, 0, 2, 3): np.nan}), ["nan", "[1, 0, 2, 3]"]),
        (_image(at={(1, 0, 2, 3): np.inf}), ["inf", "[1, 0, 2, 3]"]),
        (_image(at={(0, 0, 0, 0): 255}), ["255", "[0, 1]", "from_uint8"]),
        (_image(at={(0, 0, 0, 0): -0.5}), ["-0.5", "[0, 1]"]),
        (_image(dtype=np.float64) + 1e300, ["inf"]),
        ([["a"]], ["expected float32"]),
    ],
)
def test_a_wrong_image_array_is_said_to_be_wrong(vae, images, words):
    for method in (vae.encode, vae.reconstruct, vae.score, vae.elbo):
        with pytest.raises(InputError) as error:
            method(images)
        assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda vae: vae.sample(-1),
        lambda vae: vae.sample(1.5),
        lambda vae: vae.sample(1, seed=-1),
        lambda vae: vae.sample(1, seed=2**64),
        lambda vae: vae.sample(1, temperature=float("nan")),
        lambda vae: vae.sample(1, temperature=1e38),
        lambda vae: vae.sample(1, temperature="x"),
        lambda vae: vae.sample(1, temperature="1"),
        lambda vae: vae.sample(1, temperature=None),
        lambda vae: vae.sample(1, temperature=[1.0, 1.0]),
        lambda vae: vae.sample(1, temperature=np.ones(2)),
        lambda vae: vae.sample(10**16),
        lambda vae: vae.sample(1, batch_size=0),
        lambda vae: vae.decode(np.zeros((2, 3), np.float32)),
        lambda vae: vae.decode(np.zeros(40, np.float32)),
        lambda vae: vae.decode(np.full((1, 40), np.nan, np.float32)),
        lambda vae: vae.decode(np.zeros((1, 40), np.int64)),
        lambda vae: vae.interpolate(vae.sample(2), vae.sample(1)),
        lambda vae: vae.interpolate(vae.sample(1), vae.sample(1), steps=1),
        lambda vae: vae.interpolate(vae.sample(1), vae.sample(1), path="cubic"),
        lambda vae: vae.elbo(vae.sample(1), samples=0),
        lambda vae: vae.elbo(vae.sample(1), batch_size=0),
        lambda vae: vae.elbo(vae.sample(1), start=-1),
        lambda vae: vae.elbo(vae.sample(1), start=1.5),
        lambda vae: vae.elbo(vae.sample(1), samples=2**31),
        lambda vae: vae.sample(1, start=True),
        lambda vae: vae.sample(1, seed=1.0),
        lambda vae: vae.sample(True),
        lambda vae: vae.interpolate(vae.sample(1), vae.sample(1), steps=2**31),
        lambda vae: VAE.load(threads=0),
        lambda vae: VAE.load(precision="int4"),
        lambda vae: VAE.load(providers=()),
    ],
)
def test_a_wrong_argument_is_an_input_error(vae, call):
    with pytest.raises(InputError, match=r"expected|has no"):
        call(vae)


def test_the_gaussian_likelihood_uses_the_manifests_sigma(exact):
    assert exact.manifest.likelihood.sigma == SIGMA
    assert exact.latent_size == LATENTS and exact.image_shape == SHAPE
    assert "ppca" in repr(exact)


@pytest.mark.parametrize("n", [1, 2, 1024, 1025, 1030])
@pytest.mark.parametrize("start", [2**64 - 1, 2**64 - 1024, 2**64 - 1027])
def test_after_the_last_sample_comes_the_first_for_any_number_of_them(exact, n, start):
    """As few as 1,024 began again at 0, and one more was an error."""
    images = exact.sample(n, seed=3, start=start)
    for i in sorted({0, n // 2, n - 2, n - 1} & set(range(n))):
        np.testing.assert_array_equal(images[i], exact.sample(1, seed=3, start=(start + i) % 2**64)[0])


def test_after_the_last_image_of_a_set_comes_the_first(exact):
    images = exact.sample(5, seed=1).clip(0, 1)
    together = exact.elbo(images, samples=3, start=2**64 - 2, batch_size=2)
    single = [exact.elbo(images[i : i + 1], samples=3, start=(2**64 - 2 + i) % 2**64).iwae[0] for i in range(5)]
    np.testing.assert_array_equal(together.iwae, single)
