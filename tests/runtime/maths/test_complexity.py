"""The length of the simple code, against coding pixel by pixel; and the score that is corrected by it."""

import math

import numpy as np
import pytest

from vae_runtime import InputError
from vae_runtime.maths.complexity import code_length


def coded_pixel_by_pixel(image):
    """-ln of the probability that each pixel has by the counts of its context so far, plus 1/2."""
    nats = 0.0
    for channel in image > 0.5:
        height, width = channel.shape
        counts = {}
        for row in range(height):
            for column in range(width):
                context = tuple(
                    bool(channel[row + down, column + across])
                    if row + down >= 0 and 0 <= column + across < width
                    else False
                    for down, across in ((0, -1), (-1, -1), (-1, 0), (-1, 1))
                )
                seen = counts.setdefault(context, [0.5, 0.5])
                pixel = int(channel[row, column])
                nats -= math.log(seen[pixel] / sum(seen))
                seen[pixel] += 1
    return nats


def test_the_length_is_that_of_coding_one_pixel_after_the_other():
    random = np.random.default_rng(0)
    images = random.random((6, 2, 9, 7), dtype=np.float32)
    images[1], images[2] = 0, 1
    images[3, :, ::2] = 0
    np.testing.assert_allclose(code_length(images), [coded_pixel_by_pixel(image) for image in images], rtol=1e-12)
    assert code_length(images[:0]).shape == (0,)


def test_it_is_a_code_probabilities_sum_to_one():
    every = np.array([[(number >> bit) & 1 for bit in range(9)] for number in range(512)], np.float32)
    assert np.exp(-code_length(every.reshape(512, 1, 3, 3))).sum() == pytest.approx(1, abs=1e-12)


def test_simple_images_are_short_and_noise_is_a_bit_a_pixel():
    noise = np.random.default_rng(0).random((1, 1, 64, 64), dtype=np.float32)
    bars = np.zeros((1, 1, 64, 64), np.float32)
    bars[..., ::8] = 1
    assert code_length(noise) == pytest.approx(64 * 64 * math.log(2), rel=0.03)
    assert code_length(np.zeros_like(noise)) < 10 and code_length(bars) < 0.2 * code_length(noise)


def test_the_corrected_score_is_the_difference(vae, images, folder):
    from vae_runtime import VAE

    expected = vae.score(images) - code_length(images)
    np.testing.assert_allclose(vae.score(images, method="complexity"), expected, rtol=1e-12)
    gaussian = VAE.load(folder)
    with pytest.raises(InputError, match=rf"take one of {', '.join(gaussian.manifest.scores)}\."):
        gaussian.score(np.zeros((1, *gaussian.image_shape), np.float32), method="complexity")
