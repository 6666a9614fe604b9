"""Windows and their blend, on plain functions: against the rule in plain numpy, and the whole picture's result."""

import itertools

import numpy as np
import pytest
from PIL import Image

from tests.support import linear_map, plain_tiles
from tests.support.linear_map import CELL, REACH, decode, encode
from vae_runtime import ImageSpec, InputError
from vae_runtime.pictures.pixels import from_uint8
from vae_runtime.tiles.blending import blend
from vae_runtime.tiles.coding import decoded, encoded
from vae_runtime.tiles.frame import Frame
from vae_runtime.tiles.side import Side
from vae_runtime.tiles.source import readable

SPEC = ImageSpec(shape=linear_map.IMAGE, mode="RGB")
LATENT = linear_map.LATENT
FRAME = Frame.of(SPEC.shape, LATENT, 0.25)


def picture(width, height):
    return np.random.default_rng(width).random((3, height, width), np.float32)


def whole(strips):
    return np.concatenate(list(strips), axis=1)


def seen_whole(side, radius):
    """Which places of a side no window sees at a border of its own, which is none of the picture's."""
    sure = np.ones(side.length, bool)
    for start in side.starts:
        if start:
            sure[start : start + radius] = False
        if start + side.window < side.length:
            sure[start + side.window - radius : start + side.window] = False
    return sure


@pytest.mark.parametrize("overlap", [0, 1, 2, 5, 7])
@pytest.mark.parametrize("length", [8, 9, 11, 14, 20, 64])
def test_windows_lie_at_both_ends_evenly_and_overlap_as_asked_or_more(length, overlap):
    side = Side.cover(length, 8, overlap)
    assert list(side.starts) == plain_tiles.starts(length, 8, overlap)
    assert side.starts[0] == 0 and side.starts[-1] == length - 8
    gaps = {later - earlier for earlier, later in itertools.pairwise(side.starts)}
    assert all(0 < gap <= 8 - overlap for gap in gaps) and max(gaps, default=0) - min(gaps, default=0) <= 1


@pytest.mark.parametrize("overlap", [0, 2, 6])
@pytest.mark.parametrize(("rows", "columns"), [(8, 6), (9, 7), (13, 30), (22, 8)])
def test_the_blend_is_the_mean_by_weights_that_sum_to_one(rows, columns, overlap):
    down, across = Side.cover(rows, 8, overlap), Side.cover(columns, 6, min(overlap, 4))
    random = np.random.default_rng(0)
    windows = [random.normal(size=(3, 8, 6)).astype(np.float32) for _ in itertools.product(down.starts, across.starts)]
    expected = plain_tiles.put_together(windows, list(down.starts), list(across.starts))
    np.testing.assert_allclose(whole(blend(windows, down, across)), expected, rtol=0, atol=2e-6)  # float32 means
    same = [np.full((1, 8, 6), np.float32(0.1)) for _ in windows]
    assert (whole(blend(same, down, across)) == np.float32(0.1)).all()


def test_two_windows_are_crossed_over_in_a_straight_line():
    first, second = Side.cover(12, 8, 4).shares()
    assert (first == 1).all() and (second[4:] == 1).all()
    np.testing.assert_array_equal(second[:4], np.float32([0.125, 0.375, 0.625, 0.875]))


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.8])
@pytest.mark.parametrize(("width", "height"), [(24, 32), (28, 36), (96, 64), (200, 40), (24, 120)])
def test_where_no_window_has_a_border_the_result_is_that_of_the_whole_picture_to_the_bit(width, height, overlap):
    """The network is linear and sees one pixel far: so what the whole gives is known, and where windows must agree."""
    frame, image = Frame.of(SPEC.shape, LATENT, overlap), picture(width, height)
    z_whole, image_whole = encode(image[None])[0], decode(encode(image[None]))[0]
    with readable(image, SPEC) as opened:
        z = whole(encoded(encode, opened, frame))
    images = whole(decoded(decode, z_whole, frame))
    sides = frame.sides(z.shape[1:])
    for got, expected, scale, radius in ((z, z_whole, 1, 1), (images, image_whole, CELL, REACH)):
        down, across = (seen_whole(side.times(scale), radius) for side in sides)
        assert got.shape == expected.shape and got.dtype == np.float32
        np.testing.assert_array_equal(got[:, down][:, :, across], expected[:, down][:, :, across])
        if overlap <= 0.5:
            assert down.mean() * across.mean() > 0.25


def test_a_picture_of_one_window_gives_what_the_model_gives():
    image = picture(24, 32)
    with readable(image, SPEC) as opened:
        z = whole(encoded(encode, opened, FRAME))
    np.testing.assert_array_equal(z, encode(image[None])[0])
    np.testing.assert_array_equal(whole(decoded(decode, z, FRAME)), decode(z[None])[0])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 40), (25, 33), (47, 31)])
def test_beyond_its_edge_a_picture_goes_on_as_its_last_row_and_column(width, height):
    rows, columns = FRAME.cells((width, height))
    assert (rows, columns) == (max(8, -(-height // 4)), max(6, -(-width // 4)))
    image = picture(width, height)
    padded = np.pad(image, ((0, 0), (0, rows * 4 - height), (0, columns * 4 - width)), mode="edge")
    with readable(image, SPEC) as short, readable(padded, SPEC) as full:
        np.testing.assert_array_equal(whole(encoded(encode, short, FRAME)), whole(encoded(encode, full, FRAME)))


def test_a_file_is_read_in_its_own_pixels_with_the_models_colours(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    inverted = ImageSpec(shape=(3, 32, 24), mode="RGB", invert=True, fit="crop")
    with readable(tmp_path / "x.png", inverted) as opened:
        assert opened.size == (70, 50)
        expected = from_uint8(255 - pixels.transpose(2, 0, 1))
        np.testing.assert_array_equal(opened.window(20, 10, 24, 32), expected[:, 10:42, 20:44])
        np.testing.assert_array_equal(opened.window(60, 45, 24, 32)[:, :5, :10], expected[:, 45:, 60:])
    with (
        readable(Image.fromarray(pixels), SPEC) as opened,
        readable(from_uint8(pixels.transpose(2, 0, 1)), SPEC) as same,
    ):
        np.testing.assert_array_equal(whole(encoded(encode, opened, FRAME)), whole(encoded(encode, same, FRAME)))


def test_no_more_is_held_than_two_strips_and_the_windows_of_one_part():
    """A strip is given out as soon as no later window reaches it."""
    z = np.zeros((2, 400, 6), np.float32)
    computed = 0

    def counted(windows):
        nonlocal computed
        computed += len(windows)
        return decode(windows)

    strips = decoded(counted, z, FRAME)
    next(strips)
    part = 2**18 // (32 * 24)
    assert computed <= part
    assert sum(strip.shape[1] for strip in strips) == 1600 - 24 and computed == len(Side.cover(400, 8, 2).starts)


@pytest.mark.parametrize(
    ("image", "latent", "overlap", "words"),
    [
        ((3, 32, 32), (40,), 0.25, r"latents are \[40\], which say nothing of places; tiles need"),
        ((3, 32, 32), (4, 64), 0.25, r"latents are \[4, 64\], which say nothing"),
        ((3, 32, 32), (64, 1, 1), 0.25, r"latents are \[64, 1, 1\], one place along a side"),
        ((3, 28, 28), (4, 8, 8), 0.25, r"whose cells are no whole pixels of its images \[3, 28, 28\]"),
        ((3, 32, 32), (4, 8, 8), 1, "overlap is 1; expected a share of the window, from 0 to 0.9"),
        ((3, 32, 32), (4, 8, 8), float("nan"), "overlap is nan"),
        ((3, 32, 32), (4, 8, 8), "much", "overlap is 'much'; expected a number"),
    ],
)
def test_what_has_no_windows_is_an_input_error(image, latent, overlap, words):
    with pytest.raises(InputError, match=words):
        Frame.of(image, latent, overlap)


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (32, 32), (3, 0, 4), (1, 40, 40)])
def test_an_array_that_is_no_picture_is_an_input_error(shape):
    with pytest.raises(InputError), readable(np.zeros(shape, np.float32), SPEC):
        pass
