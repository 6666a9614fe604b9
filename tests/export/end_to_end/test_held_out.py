"""Which pictures calibrate: none that was fitted, nor a copy of one; those that chose only where there are too few."""

import numpy as np
import pytest
from vae_export.end_to_end.held_out import ENOUGH, held_out, p_values, scores
from vae_export.report.scores import RATES, thresholds
from vae_train.data.datasets import Dataset

from tests.support.small_runs import small
from vae_runtime import from_uint8
from vae_runtime.maths.conformal import conformal_p_values, is_anomalous


def dataset(train, test, names=()):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (train + test, 1, 8, 8), np.uint8)
    labels = np.zeros(train + test, np.uint8)
    return Dataset(images[:train], labels[:train], images[train:], labels[train:], names=names)


def test_many_held_out_pictures_calibrate_alone():
    data = dataset(40, ENOUGH, tuple(f"{number}.png" for number in range(40 + ENOUGH)))
    pictures = held_out(small("mlp", validation_images=10), data)
    np.testing.assert_array_equal(pictures.images, data.test_images)
    assert (pictures.names, pictures.chose, pictures.copies) == (data.names[40:], 0, 0)
    assert "did not choose" in pictures.sentence


def test_few_are_joined_by_those_that_chose_the_weights_and_by_none_that_was_fitted():
    data = dataset(40, 4)
    pictures = held_out(small("mlp", validation_images=10), data)
    np.testing.assert_array_equal(pictures.images, np.concatenate([data.test_images, data.train_images[30:]]))
    assert pictures.chose == 10 and "10 of them chose" in pictures.sentence and "4 alone" in pictures.sentence
    assert pictures.names[-1] == "image 39"


def test_copies_of_fitted_pictures_are_left_out():
    data = dataset(40, 30)
    data.test_images[3] = data.train_images[5]
    data.test_images[4] = data.train_images[35]  # which chose, and was not fitted
    pictures = held_out(small("mlp", validation_images=10), data)
    assert pictures.copies == 1 and len(pictures.images) == 29 and "1 more" in pictures.sentence


def test_where_nothing_chose_there_is_nothing_to_add():
    assert len(held_out(small("mlp"), dataset(40, 3)).images) == 3


def test_a_p_value_is_that_against_all_other_pictures():
    random = np.random.default_rng(0)
    known = np.round(random.normal(size=50), 1)  # some are equal
    for number, p_value in enumerate(p_values(known)):
        others = np.delete(known, number)
        assert p_value == conformal_p_values(known[number : number + 1], others)[0]


@pytest.mark.parametrize("count", [19, 20, 99, 100, 360, 1000])
def test_an_alarm_begins_just_above_the_threshold(count):
    known = np.random.default_rng(count).normal(size=count)
    alarms = thresholds(known)
    assert [rate for rate, _ in alarms] == [rate for rate in RATES if count >= round(1 / rate) - 1]
    for rate, least in alarms:
        above, at = (conformal_p_values(np.array([score]), known) for score in (np.nextafter(least, 9e9), least))
        assert is_anomalous(above, rate).all() and not is_anomalous(at, rate).any()


def test_scores_are_those_of_the_model(vae):
    images = np.random.default_rng(0).integers(0, 256, (70, 1, 28, 28), np.uint8)
    np.testing.assert_array_equal(scores(vae, images, "elbo"), vae.score(from_uint8(images)).astype(np.float64))
