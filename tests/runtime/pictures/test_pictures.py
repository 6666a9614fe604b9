"""Bytes to numbers and back, and many images as one."""

import numpy as np
import pytest

from vae_runtime import InputError, from_uint8, image_grid, to_uint8


def test_all_bytes_survive_the_way_to_numbers_and_back():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
    np.testing.assert_array_equal(from_uint8(every), [np.float32(v) / np.float32(255) for v in range(256)])


def test_pixels_are_divided_by_255_not_multiplied_by_its_inverse():
    every = np.arange(256, dtype=np.uint8)
    assert (from_uint8(every) != every.astype(np.float32) * np.float32(1 / 255)).sum() == 126


def test_numbers_are_clipped_and_halves_go_to_even():
    numbers = np.array([-3, -0.0, 0.5 / 255, 1.5 / 255, 2.5 / 255, 1.0, 7.0])
    assert to_uint8(numbers).tolist() == [0, 0, 0, 2, 2, 255, 255]


@pytest.mark.parametrize("pixels", [np.zeros(3), np.zeros(3, np.int64), [1, 2]])
def test_from_uint8_takes_bytes_alone(pixels):
    with pytest.raises(InputError, match="expected uint8"):
        from_uint8(pixels)


@pytest.mark.parametrize("images", [np.zeros(3, np.uint8), np.array([np.nan]), np.array([np.inf])])
def test_to_uint8_takes_finite_floats_alone(images):
    with pytest.raises(InputError):
        to_uint8(images)


def test_a_grid_lays_images_out_row_by_row():
    images = np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1, 1).repeat(2, 2).repeat(3, 3)  # each 2 high, 3 wide
    grid = image_grid(images, columns=2, gap=1)
    assert grid.shape == (1, 3 * 3 + 1, 2 * 4 + 1)
    assert [grid[0, 1 + 3 * (i // 2), 1 + 4 * (i % 2)] for i in range(5)] == [1, 2, 3, 4, 5]
    assert not grid[0, 0].any() and not grid[0, :, 4].any() and grid.sum() == 6 * 15
    assert image_grid(images).shape == (1, 2 * 4 + 2, 3 * 5 + 2)
    assert image_grid(images[:0]).shape == (1, 6, 7)


@pytest.mark.parametrize(
    ("images", "options"),
    [
        (np.zeros((2, 3)), {}),
        (np.zeros((1, 1, 2, 2), np.uint8), {}),
        (np.zeros((1, 1, 2, 2)), {"columns": 0}),
        (np.zeros((1, 1, 2, 2)), {"gap": -1}),
    ],
)
def test_a_grid_takes_float_images_and_whole_counts(images, options):
    with pytest.raises(InputError, match="expected"):
        image_grid(images, **options)
