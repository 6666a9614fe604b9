"""Where an image is strange: maps in the model's frame, and laid over pictures of any size."""

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import vae_
from vae_runtime import ImageSpec, InputError, read_images
from vae_runtime.maths.likelihood import Bernoulli, ClippedBernoulli, Gaussian
from vae_runtime.maths.smoothing import window_means
from vae_runtime.pictures.overlay import overlay


def test_windows_are_means_of_what_lies_inside():
    maps = np.random.default_rng(0).random((2, 7, 5), dtype=np.float32)
    for window in (1, 3, 5, 99):
        reach = window // 2
        expected = [
            [
                [
                    image[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].mean()
                    for column in range(5)
                ]
                for row in range(7)
            ]
            for image in maps.astype(np.float64)
        ]
        np.testing.assert_allclose(window_means(maps, window), expected, rtol=1e-6)


@pytest.mark.parametrize("likelihood", [Bernoulli(), ClippedBernoulli(), Gaussian(0.2)])
def test_a_map_sums_to_the_log_likelihood(likelihood):
    images, decoded = np.random.default_rng(0).random((2, 4, 3, 6, 5), dtype=np.float32)
    whole = likelihood.log_prob(images, decoded)
    parts = likelihood.log_prob_map(images, decoded)
    assert parts.shape == (4, 6, 5) and parts.dtype == np.float32
    np.testing.assert_allclose(parts.sum((1, 2)), whole, rtol=1e-5)


def test_a_map_is_highest_where_the_image_was_spoilt(vae):
    images = np.concatenate([vae.sample(8, seed=3)] * 2)
    for image in images[8:]:
        image[0, 1:5, 22:26] = 1  # a bright square where digits are dark
    maps = vae.anomaly_map(images, window=3)
    assert maps.shape == (16, 28, 28) and np.isfinite(maps).all()
    for spoilt in maps[8:]:
        row, column = np.unravel_index(spoilt.argmax(), spoilt.shape)
        assert row <= 5 and 21 <= column <= 26
    np.testing.assert_allclose(
        vae.anomaly_map(images, window=1).sum((1, 2)), vae.score(images, method="reconstruction"), rtol=1e-5
    )
    np.testing.assert_array_equal(vae.anomaly_map(images)[3:], vae.anomaly_map(images[3:], batch_size=2))
    with pytest.raises(InputError, match="odd"):
        vae.anomaly_map(images, window=4)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(90, 40), (40, 90), (64, 64), (7, 5)])
def test_red_lies_where_the_model_saw_it(fit, size):
    """A bright square in a dark picture, as the model's frame has it, comes back over the square."""
    spec = ImageSpec(shape=(1, 32, 32), fit=fit, resample="bilinear")
    pixels = np.zeros(size[::-1], np.uint8)
    rows, columns = slice(size[1] // 2 - 1, size[1] // 2 + 2), slice(size[0] // 2 - 1, size[0] // 2 + 2)
    pixels[rows, columns] = 255
    picture = Image.fromarray(pixels)
    import io

    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    frame = read_images(buffer.getvalue(), spec)[0, 0]
    parts = overlay(picture, frame, spec, low=0.0, high=float(frame.max()))
    result = np.concatenate([np.asarray(part) for part in parts]).astype(int)
    assert result.shape == (size[1], size[0], 3)
    redness = result[..., 0] - result[..., 1]
    where = np.unravel_index(redness.argmax(), redness.shape)
    assert rows.start - 2 <= where[0] <= rows.stop + 1 and columns.start - 2 <= where[1] <= columns.stop + 1
    assert redness[0, 0] <= 5 or size == (7, 5)


def test_maps_of_a_folder_have_its_tree_and_its_sizes(root, photos, tmp_path):
    Image.new("RGB", (60, 45), (10, 200, 30)).save(photos / "b" / "wide.jpg")
    try:
        vae_("score", photos, "-m", root / "artifacts" / "mnist", "--maps", tmp_path / "maps")
    finally:
        (photos / "b" / "wide.jpg").unlink()
    with Image.open(tmp_path / "maps" / "b" / "wide.jpg.png") as picture:
        assert (picture.size, picture.mode) == ((60, 45), "RGB")
    assert (tmp_path / "maps" / "a.png").exists()
    assert "--maps needs files" in vae_("score", "-", "--maps", tmp_path / "m", code=2, input=b"x").stderr
