"""A picture made to fit a model, against numpy: colour, inversion, and each resize filter by its definition."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.picture_files import COLOURS
from vae_runtime import ImageSpec, InputError
from vae_runtime.pictures.fitting import fit_picture

FILTERS = {  # name: its kernel, and how far that reaches
    "box": (lambda x: np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0), 0.5),
    "bilinear": (lambda x: np.clip(1 - np.abs(x), 0, 1), 1),
    "hamming": (lambda x: np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0), 1),
    "bicubic": (
        lambda x: np.select(
            [np.abs(x) < 1, np.abs(x) < 2],
            [1.5 * np.abs(x) ** 3 - 2.5 * x**2 + 1, -0.5 * np.abs(x) ** 3 + 2.5 * x**2 - 4 * np.abs(x) + 2],
        ),
        2,
    ),
    "lanczos": (lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0), 3),
}


def resized(pixels, size, name):
    """Along the last axis: weights of a kernel as wide as the reduction, a sum, rounded to bytes."""
    kernel, reach = FILTERS[name]
    scale = pixels.shape[1] / size
    wide = max(scale, 1)
    columns = []
    for centre in (np.arange(size) + 0.5) * scale:
        first, last = max(0, int(centre - reach * wide + 0.5)), min(pixels.shape[1], int(centre + reach * wide + 0.5))
        weights = kernel((np.arange(first, last) - centre + 0.5) / wide)
        columns.append(np.floor(pixels[:, first:last] @ (weights / weights.sum()) + 0.5))
    return np.clip(np.stack(columns, axis=1), 0, 255)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(28, 28), (7, 3), (64, 50)])
def test_each_filter_is_its_definition_horizontally_first(name, shape):
    """Whatever order Pillow itself prefers: the other one is up to ten grey levels off at (28, 28)."""
    picture = np.random.default_rng(1).integers(0, 256, (40, 33), dtype=np.uint8)
    fitted = fit_picture(Image.fromarray(picture), ImageSpec(shape=(1, *shape), resample=name))[0]
    expected = resized(resized(picture, shape[1], name).T, shape[0], name).T
    assert np.abs(fitted - expected).max() <= 1
    assert (fitted != expected).mean() < 0.1  # Pillow adds in fixed point: a sum at a half may fall the other way


def test_boxes_are_block_means_rounded():
    picture = np.array([[0, 2, 10, 10], [4, 6, 10, 13], [255, 255, 0, 1], [255, 255, 0, 0]], np.uint8)
    fitted = fit_picture(Image.fromarray(picture), ImageSpec(shape=(1, 2, 2)))
    assert fitted.tolist() == [[[3, 11], [255, 1]]]  # rows first: [0, 1] is 0.5, rounded up, then again


def test_nearest_takes_pixels_as_they_are():
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    fitted = fit_picture(Image.fromarray(picture), ImageSpec(shape=(1, 2, 2), resample="nearest"))
    assert fitted.tolist() == [[[5, 7], [13, 15]]]
    fitted = fit_picture(Image.fromarray(picture), ImageSpec(shape=(1, 8, 8), resample="nearest"))
    np.testing.assert_array_equal(fitted[0], picture.repeat(2, 0).repeat(2, 1))


def test_cropping_keeps_the_middle_and_padding_keeps_all():
    wide = np.repeat(np.array([[10, 20, 30, 40]], np.uint8), 2, 0)
    crop = fit_picture(Image.fromarray(wide), ImageSpec(shape=(1, 2, 2), fit="crop"))
    pad = fit_picture(Image.fromarray(wide), ImageSpec(shape=(1, 4, 4), fit="pad"))
    assert crop[0].tolist() == [[20, 30], [20, 30]]
    assert pad[0].tolist() == [[0] * 4, [10, 20, 30, 40], [10, 20, 30, 40], [0] * 4]
    tall = fit_picture(Image.fromarray(wide.T), ImageSpec(shape=(1, 4, 4), fit="pad"))
    np.testing.assert_array_equal(tall[0], pad[0].T)


@pytest.mark.parametrize(("fit", "function"), [("crop", ImageOps.fit), ("pad", ImageOps.pad)])
def test_cropping_and_padding_put_each_pixel_where_pillow_does(fit, function):
    random = np.random.default_rng(2)
    for width, height, across, down in random.integers(5, 60, (100, 4)).tolist():
        picture = Image.fromarray(random.integers(0, 256, (height, width), dtype=np.uint8))
        fitted = fit_picture(picture, ImageSpec(shape=(1, down, across), fit=fit, resample="nearest"))[0]
        np.testing.assert_array_equal(fitted, np.asarray(function(picture, (across, down), Image.Resampling.NEAREST)))


@pytest.mark.parametrize("size", [(57, 1), (1, 57), (5000, 2)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_very_long_picture_does_not_vanish(size, fit):
    fitted = fit_picture(Image.new("L", size, 255), ImageSpec(shape=(1, 28, 28), fit=fit))[0]
    assert (fitted == 255).sum() == (28 if fit == "pad" else 28 * 28)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_inversion_is_255_minus_the_value(mode):
    picture = Image.fromarray(COLOURS).convert(mode)
    shape = (len(mode), 6, 8)
    usual, inverted = (fit_picture(picture, ImageSpec(shape=shape, mode=mode, invert=i)) for i in (False, True))
    np.testing.assert_array_equal(inverted, 255 - usual)


def test_inversion_comes_before_padding():
    white = Image.new("L", (4, 2), 255)
    fitted = fit_picture(white, ImageSpec(shape=(1, 4, 4), fit="pad", invert=True))
    assert not fitted.any()


def test_colour_becomes_grey_by_the_published_weights():
    fitted = fit_picture(Image.fromarray(COLOURS), ImageSpec(shape=(1, 6, 8)))[0]
    red, green, blue = (COLOURS[..., channel].astype(int) for channel in range(3))
    np.testing.assert_array_equal(fitted, (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)


def test_grey_becomes_three_equal_channels():
    fitted = fit_picture(Image.new("L", (2, 2), 9), ImageSpec(shape=(3, 2, 2), mode="RGB"))
    assert (fitted == 9).all() and fitted.shape == (3, 2, 2)


@pytest.mark.parametrize(
    "changes", [{"shape": (3, 2, 2)}, {"shape": (1, 0, 2)}, {"mode": "CMYK"}, {"fit": "zoom"}, {"resample": "magic"}]
)
def test_a_spec_that_makes_no_sense_is_refused(changes):
    with pytest.raises(InputError, match="image\\."):
        ImageSpec(**{"shape": (1, 2, 2), **changes})
