"""One row of a table is one picture, in every form that engines give it, or a sentence that says why it is none."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import encoded
from vae_runtime import ImageSpec, InputError, from_uint8
from vae_runtime.batch.rows import read_row
from vae_runtime.pictures.fitting import fit_picture

GREY, COLOUR = ImageSpec(shape=(1, 8, 6)), ImageSpec(shape=(3, 8, 6), mode="RGB")
RANDOM = np.random.default_rng(5)


def column(rows):
    values = np.empty(len(rows), object)
    values[:] = rows
    return values


@pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
def test_every_form_of_one_picture_is_one_image(spec):
    pixels = RANDOM.integers(0, 256, spec.shape, np.uint8)
    last = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    png = encoded(Image.fromarray(last[..., 0] if spec.mode == "L" else last))
    forms = [
        *(pixels, last, pixels.astype(np.int16), pixels.tolist(), column(pixels.tolist()), last.astype(object)),
        *(from_uint8(pixels), from_uint8(last), from_uint8(pixels).astype(np.float64)),
        *(
            png,
            bytearray(png),
            memoryview(png),
            {"bytes": png, "path": None},
            Image.open(io.BytesIO(png)),
            Image.open(io.BytesIO(png)).convert("RGBA"),
        ),
    ]
    if spec.mode == "L":
        forms += [pixels[0], from_uint8(pixels[0]), pixels.ravel()]
    for form in forms:
        np.testing.assert_array_equal(read_row(form, spec), from_uint8(pixels))
    np.testing.assert_array_equal(read_row(pixels.ravel(), spec, "chw"), from_uint8(pixels))
    np.testing.assert_array_equal(read_row(last.ravel(), spec, "hwc"), from_uint8(pixels))


def test_whole_numbers_are_a_picture_fitted_like_any_and_floats_are_the_models_own_input(tmp_path):
    spec = ImageSpec(shape=(1, 8, 6), fit="pad", resample="bilinear", invert=True)
    pixels = RANDOM.integers(0, 256, (20, 30, 3), np.uint8)
    expected = from_uint8(fit_picture(Image.fromarray(pixels), spec))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for form in (pixels, pixels.transpose(2, 0, 1), encoded(Image.fromarray(pixels)), str(tmp_path / "a.png")):
        np.testing.assert_array_equal(read_row(form, spec), expected)
    own = RANDOM.integers(0, 256, (8, 6), np.uint8)
    np.testing.assert_array_equal(read_row(own, spec)[0], from_uint8(255 - own))
    np.testing.assert_array_equal(read_row(from_uint8(own), spec)[0], from_uint8(own))
    with pytest.raises(InputError, match="expected"):
        read_row(from_uint8(pixels[..., 0]), spec)


def test_an_array_that_can_be_read_two_ways_is_refused_until_the_layout_is_given():
    pixels = RANDOM.integers(0, 256, (3, 28, 3), np.uint8)
    with pytest.raises(InputError, match="layout='chw' or 'hwc'"):
        read_row(pixels, COLOUR)
    with pytest.raises(InputError, match="layout='chw' or 'hwc'"):
        read_row(RANDOM.integers(0, 256, 3 * 8 * 6, np.uint8), COLOUR)
    first, last = read_row(pixels, COLOUR, "chw"), read_row(pixels, COLOUR, "hwc")
    np.testing.assert_array_equal(last, from_uint8(fit_picture(Image.fromarray(pixels), COLOUR)))
    np.testing.assert_array_equal(first, read_row(pixels.transpose(1, 2, 0), COLOUR, "hwc"))
    odd, floats = ImageSpec(shape=(1, 2, 3)), from_uint8(pixels[:1, :2])
    np.testing.assert_array_equal(read_row(floats, odd), floats)
    np.testing.assert_array_equal(read_row(floats.transpose(1, 2, 0), odd), floats)
    with pytest.raises(InputError, match=r"expected \[batch, 1, 2, 3\]"):
        read_row(from_uint8(pixels), odd)
    with pytest.raises(InputError, match="two ways"):
        read_row(np.zeros((3, 3, 3)), ImageSpec(shape=(3, 3, 3), mode="RGB"))
    with pytest.raises(InputError, match="1 or 3 channels"):
        read_row(np.zeros((3, 8, 6), np.uint8), COLOUR, "hwc")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (None, "has no image"),
        (float("nan"), "has no image"),
        ({"path": "a.png"}, "has no image"),
        (b"", "empty"),
        (b"<html>", "a web page"),
        (encoded(Image.new("L", (6, 8)))[:-25], "cut off or damaged"),
        ("nowhere.png", "nowhere.png cannot be read"),
        (np.zeros((8, 6), bool), "is bool"),
        (np.zeros((4, 8, 6), np.uint8), "1 or 3 channels"),
        (np.zeros((1, 0, 6), np.uint8), "no pixels"),
        (np.full((8, 6), 256), "0 .. 255"),
        (np.full((8, 6), -1), "0 .. 255"),
        (np.full((8, 6), 1.5), "expected [0, 1]"),
        (np.full((8, 6), np.nan), "finite"),
        (np.zeros(5, np.uint8), "two or three axes"),
        (np.zeros((2, 1, 8, 6), np.uint8), "two or three axes"),
        ([[1, 2], [3]], "is no array"),
        (7, "two or three axes"),
        (object(), "expected bytes"),
        (Image.new("F", (6, 8)), "colour mode F"),
    ],
)
def test_a_row_that_is_no_image_says_why(row, sentence):
    with pytest.raises(InputError) as caught:
        read_row(row, GREY)
    assert sentence in str(caught.value)
