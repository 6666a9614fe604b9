"""Scores as low as of what a model was trained on are said, where these and held-out ones lie apart."""

import numpy as np
import pytest

from vae_runtime.checks.familiar import KEY, familiar, quartiles

KNOWN = {KEY: {"trained_on": [90.0, 100.0, 110.0], "held_out": [140.0, 150.0, 160.0]}}


def around(middle, count=40):
    return (middle + np.random.default_rng(0).normal(0, 15, count)).tolist()


def test_scores_as_of_pictures_that_were_trained_on_are_said_and_those_of_new_ones_are_not():
    said = familiar(KNOWN, around(102))
    assert "those 100.0, new ones 150.0" in said and said.startswith("warning: ")
    assert familiar(KNOWN, around(150)) is None and familiar(KNOWN, around(250)) is None
    assert familiar(KNOWN, around(130)) is None  # nearer to new ones
    assert familiar(KNOWN, [100.0] * 4) is None  # too few to tell


def test_a_model_that_has_learnt_nothing_by_heart_warns_of_nothing():
    near = {KEY: {"trained_on": [138.0, 148.0, 158.0], "held_out": [140.0, 150.0, 160.0]}}
    assert familiar(near, around(100)) is None


def test_a_half_learnt_model_warns_only_where_many_pictures_make_it_sure():
    half = {KEY: {"trained_on": [130.0, 140.0, 150.0], "held_out": [140.0, 150.0, 160.0]}}
    assert familiar(half, around(141, 10)) is None and familiar(half, around(141, 400))


@pytest.mark.parametrize(
    "known",
    [None, "x", {}, {"trained_on": [1, 2, 3]}, {"trained_on": [1, 2], "held_out": [7, 8, 9]}, [1, 2]]
    + [{"trained_on": three, "held_out": [7, 8, 9]} for three in (["a", "b", "c"], [3, 2, 1], [True, 1, 2], None)],
)
def test_what_training_says_is_not_relied_on(known):
    assert familiar({KEY: known}, around(1)) is None and familiar({}, around(1)) is None


def test_quartiles_are_numpys():
    assert quartiles(range(101)) == [25.0, 50.0, 75.0]
