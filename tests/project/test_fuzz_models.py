"""Damaged models: refused in one line, or harmless; never a crash, a hang, another answer or a foreign error."""

import os
import signal
import time

import numpy as np
import pytest

from fuzz.disks import damage, models, pictures
from fuzz.machine.guarded import Guarded


@pytest.mark.parametrize("repair", [False, True])
def test_damage_is_refused_or_harmless(folder, repair):
    outcomes = models.run(folder, 150, 0, repair=repair)
    assert sum(outcomes.values()) == 150 and set(outcomes) <= set(models.GOOD), outcomes
    assert outcomes["refused"] > 100


def test_the_graphs_that_are_shipped_stand_repaired_damage(root):
    outcomes = models.run(root / "artifacts" / "mnist-2d", 60, 1000, repair=True)
    assert sum(outcomes.values()) == 60 and set(outcomes) <= set(models.GOOD), outcomes


@pytest.mark.parametrize("kind", damage.ANYWHERE)
def test_damage_is_damage_and_the_same_for_the_same_seed(kind):
    content = bytes(range(256)) * 40 + b"Conv kernel_shape strides"
    damaged = [kind(content, np.random.default_rng(seed)) for seed in range(20)]
    assert damaged == [kind(content, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(one != content for one in damaged) > 10


def misbehave(what):
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "wait":
        time.sleep(60)
    return what


def test_a_death_and_a_silence_are_answers_and_the_next_call_works():
    with Guarded(misbehave, 5.0) as ask:
        assert ask("well") == "well"
        assert ask("die") == "crash -11" and ask("again") == "again"
        ask._seconds = 0.5
        assert ask("wait") == "hang"
        ask._seconds = 5.0
        assert ask("again") == "again"


def test_damaged_pictures_are_images_or_refused():
    outcomes, peak = pictures.run(300, 0)
    assert set(outcomes) == {"an image", "refused"} and outcomes["refused"] > 100 and peak < pictures.PEAK
