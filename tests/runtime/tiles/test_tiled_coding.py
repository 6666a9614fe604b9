"""Pictures of any size encoded, decoded and reconstructed by a model folder: against the network in plain numpy."""

import numpy as np
import pytest
from PIL import Image

from tests.support import linear_map
from vae_runtime import VAE, InputError, decode_tiled, encode_tiled, from_uint8, reconstruct_tiled
from vae_runtime.maths.noise import standard_normal

TOLERANCE = {"rtol": 0, "atol": 2e-6}  # onnxruntime sums a convolution in another order


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return VAE.load(linear_map.write(tmp_path_factory.mktemp("models") / "map"), threads=1)


def picture(width, height):
    return np.random.default_rng(width).random((3, height, width), np.float32)


def test_a_picture_of_the_models_size_gives_what_the_model_gives_to_the_bit(vae):
    image = picture(24, 32)
    whole, tiled = vae.encode(image[None]), encode_tiled(vae, image)
    for expected, got in zip(whole, tiled, strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(decode_tiled(vae, whole.mean), vae.decode(whole.mean))
    np.testing.assert_array_equal(reconstruct_tiled(vae, image), vae.reconstruct(image[None]))


def test_far_from_seams_a_large_picture_gives_what_the_network_gives_of_it_whole(vae):
    """Windows of 8x6 cells begin at 0, 6, 12 and 0, 4, 8, 12, and see 0 beyond a border: cells beside one differ."""
    image = picture(72, 80)
    mean, logvar = encode_tiled(vae, image)
    rows, columns = (
        [*range(6), *range(8, 12), *range(14, 20)],
        [*range(4), *range(6, 8), *range(10, 12), *range(14, 18)],
    )
    for got, expected in ((mean, linear_map.encode(image[None])), (logvar, linear_map.encode_logvar(image[None]))):
        assert got.shape == (1, 2, 20, 18) and got.dtype == np.float32
        np.testing.assert_allclose(got[..., rows, :][..., columns], expected[..., rows, :][..., columns], **TOLERANCE)
    z = linear_map.encode(image[None])
    decoded, expected = decode_tiled(vae, z), linear_map.decode(z)
    assert decoded.shape == (1, 3, 80, 72)
    np.testing.assert_allclose(decoded[..., :23, :15], expected[..., :23, :15], **TOLERANCE)


def test_batches_and_calls_change_no_bit(vae):
    image = picture(90, 101)
    first, z = reconstruct_tiled(vae, image), encode_tiled(vae, image).mean
    np.testing.assert_array_equal(reconstruct_tiled(vae, image, batch_size=1), first)
    np.testing.assert_array_equal(decode_tiled(vae, z, size=(90, 101), batch_size=3), first)


def test_the_seams_of_a_smooth_picture_are_smaller_with_an_overlap(vae):
    """The model takes what lies beyond a window for 0: an error that counts less the longer the blend is."""
    z = np.ones((1, 2, 8, 30), np.float32)
    expected = linear_map.decode(z)
    worst = {overlap: np.abs(decode_tiled(vae, z, overlap=overlap) - expected).max() for overlap in (0, 0.3, 0.5)}
    assert worst[0] > 8 * worst[0.3] > 8 * worst[0.5] > 0


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 50), (25, 33), (71, 34)])
def test_a_reconstruction_has_the_size_of_its_picture(vae, width, height):
    image = picture(width, height)
    assert reconstruct_tiled(vae, image).shape == (1, 3, height, width)
    mean = encode_tiled(vae, image).mean
    assert mean.shape == (1, 2, max(8, -(-height // 4)), max(6, -(-width // 4)))
    np.testing.assert_array_equal(decode_tiled(vae, mean)[..., :height, :width], reconstruct_tiled(vae, image))


def test_a_file_a_pillow_image_and_an_array_are_one_picture(vae, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    array = from_uint8(pixels.transpose(2, 0, 1))
    expected = encode_tiled(vae, array).mean
    for source in (tmp_path / "x.png", (tmp_path / "x.png").read_bytes(), Image.fromarray(pixels), array[None]):
        np.testing.assert_array_equal(encode_tiled(vae, source).mean, expected)


def test_draws_are_of_the_whole_map_and_seeded(vae):
    posterior = encode_tiled(vae, picture(60, 70))
    eps = standard_normal(1, posterior.mean.size, seed=3).reshape(posterior.mean.shape)
    expected = posterior.mean + np.exp(posterior.logvar / 2) * eps
    np.testing.assert_allclose(posterior.sample(seed=3), expected, rtol=1e-6)
    assert posterior.draws(0, 2, seed=3).shape == (1, 2, *posterior.mean.shape[1:])
    assert decode_tiled(vae, posterior.sample(seed=3), size=(60, 70)).shape == (1, 3, 70, 60)


def test_a_deterministic_autoencoder_has_no_logvar_in_tiles_either(tmp_path):
    vae = VAE.load(linear_map.write(tmp_path / "map", posterior="none"), threads=1)
    image = picture(50, 60)
    posterior = encode_tiled(vae, image)
    assert posterior.logvar is None
    np.testing.assert_array_equal(decode_tiled(vae, posterior.mean, size=(50, 60)), reconstruct_tiled(vae, image))


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        (
            (2, 8, 6),
            None,
            r"z is \[2, 8, 6\]; expected latents of one picture, \[1, 2, rows, columns\], 8 x 6 places or",
        ),
        ((2, 2, 8, 6), None, "expected latents of one picture"),
        ((1, 3, 8, 6), None, "expected latents of one picture"),
        ((1, 2, 7, 60), None, "8 x 6 places or more"),
        ((1, 2, 10, 6), (24, 36), "size is 24x36; these latents are of a picture of 24x40, or a little less"),
        ((1, 2, 10, 6), (24, 41), "size is 24x41"),
        ((1, 2, 10, 6), (25, 40), "size is 25x40"),
    ],
)
def test_latents_that_are_no_map_or_of_another_picture_are_an_input_error(vae, shape, size, words):
    with pytest.raises(InputError, match=words):
        decode_tiled(vae, np.zeros(shape, np.float32), size=size)


def test_a_model_whose_latents_have_no_place_is_an_input_error(root):
    flat = VAE.load(root / "artifacts" / "mnist-2d", threads=1)
    for call in (
        lambda: encode_tiled(flat, Image.new("L", (50, 50))),
        lambda: reconstruct_tiled(flat, Image.new("L", (50, 50))),
        lambda: decode_tiled(flat, np.zeros((1, 2), np.float32)),
    ):
        with pytest.raises(InputError, match=r"the model's latents are \[2\], which say nothing of places; tiles need"):
            call()


def test_numbers_that_are_none_are_an_input_error(vae):
    with pytest.raises(InputError, match="hold nan"):
        decode_tiled(vae, np.full((1, 2, 8, 6), np.nan, np.float32))
    with pytest.raises(InputError, match="reach from 0 to 2"):
        encode_tiled(vae, picture(40, 40) * 0 + np.float32([0, 2]).repeat(20))
