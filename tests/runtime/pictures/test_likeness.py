"""What sets a picture apart from those that a model takes."""

import io

import numpy as np
import pytest
from PIL import Image

from vae_runtime.pictures.likeness import BENT, COLOUR, LARGE, SMALL, KnownSizes, unlikeness
from vae_runtime.pictures.reading import read_picture
from vae_runtime.spec import ImageSpec

GREY = ImageSpec(shape=(1, 28, 28))
RED = (200, 30, 30)


def kinds_of(size, mode="L", spec=GREY, **options):
    return unlikeness(Image.new(mode, size, RED if mode == "RGB" else 90), spec, **options)


def test_colour_is_apart_for_a_grey_model_alone():
    assert kinds_of((28, 28), "RGB") == (COLOUR,) and kinds_of((28, 28)) == ()
    colours = ImageSpec(shape=(3, 28, 28), mode="RGB")
    assert kinds_of((28, 28), "RGB", colours) == kinds_of((28, 28), "L", colours) == ()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_grey_picture_stored_in_colour_is_grey(form):
    grey = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8).repeat(3, axis=2)
    for pixels, kinds in ((grey, ()), (grey // 2 + np.uint8([100, 50, 0]), (COLOUR,))):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form)
        picture = read_picture(file.getvalue())
        assert picture.mode == "RGB" and unlikeness(picture, GREY) == kinds


@pytest.mark.parametrize(
    ("size", "kinds"),
    [
        ((28, 28), ()),
        ((56, 56), ()),
        ((64, 64), (LARGE,)),
        ((14, 14), ()),
        ((13, 13), (SMALL,)),
        ((999, 900), (LARGE,)),
    ],
)
def test_a_picture_may_be_twice_or_half_as_large(size, kinds):
    for fit in ("stretch", "crop", "pad"):
        assert kinds_of(size, spec=ImageSpec(shape=(1, 28, 28), fit=fit)) == kinds


def test_another_aspect_ratio_is_apart_where_it_is_bent():
    assert kinds_of((28, 35)) == kinds_of((35, 28)) == () and kinds_of((28, 36)) == kinds_of((36, 28)) == (BENT,)
    for fit in ("crop", "pad"):
        assert kinds_of((28, 50), spec=ImageSpec(shape=(1, 28, 28), fit=fit)) == ()
    assert kinds_of((48, 64), spec=ImageSpec(shape=(1, 64, 48))) == ()


def test_a_cropped_picture_is_seen_at_the_scale_of_its_shorter_side_a_padded_one_of_its_longer():
    assert kinds_of((28, 100), spec=ImageSpec(shape=(1, 28, 28), fit="crop")) == ()
    assert kinds_of((28, 100), spec=ImageSpec(shape=(1, 28, 28), fit="pad")) == (LARGE,)


def test_in_windows_only_colours_count():
    assert kinds_of((500, 300), windows=True) == () and kinds_of((5, 3), "RGB", windows=True) == (COLOUR,)


def test_pictures_as_large_as_those_that_were_trained_on_are_like_them():
    known = KnownSizes.of({"picture_sizes": [200, 600, 150, 400]})
    assert kinds_of((500, 300)) == (LARGE, BENT) and kinds_of((500, 300), known=known) == ()
    assert kinds_of((100, 75), known=known) == () and kinds_of((1200, 800), known=known) == ()
    assert kinds_of((1300, 300), known=known) == (LARGE, BENT) and kinds_of((500, 300), "RGB", known=known) == (COLOUR,)


@pytest.mark.parametrize("said", [None, 5, [1, 2, 3], [1, 2, 3, "4"], [0, 1, 1, 1], [1.5, 2, 2, 2], [True, 1, 1, 1]])
def test_what_a_manifest_says_of_sizes_is_not_trusted(said):
    assert KnownSizes.of({"picture_sizes": said}) is None and KnownSizes.of({}) is None
