"""Time left: by kind of step, and for a run of so many minutes as many epochs as they leave."""

import dataclasses

import numpy as np
import pytest
import torch
from vae_train.checkpoint import LAST, read, read_config
from vae_train.data.recipe import EPOCHS, for_length
from vae_train.fit.budget import divide, epochs_in_time
from vae_train.fit.pace import Pace
from vae_train.fit.schedule import bound_draws
from vae_train.fit.trainer import Trainer
from vae_train.fit.training import fit
from vae_train.metrics import read_metrics

from tests.support.small_runs import bars, small

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset():
    return bars()


def test_a_quarter_of_the_epochs_on_five_draws_is_counted_at_its_own_pace(dataset):
    """With one pace for all steps, the time left would be that of 20 cheap steps."""
    trainer = Trainer(small("conv", epochs=4, importance_share=0.25), dataset, CPU)
    assert trainer.steps_left() == {1: 15, 5: 5}
    trainer.step = 7
    assert trainer.steps_left() == {1: 8, 5: 5}
    pace = Pace()
    for draws, seconds in ((1, 1.0), (5, 4.0)):
        pace.note_step(draws, seconds)
    assert pace.remaining(trainer.steps_left(), 0) == pytest.approx(8 * 1.0 + 5 * 4.0)


def test_a_kind_of_step_that_was_not_seen_costs_what_its_draws_do():
    pace = Pace()
    assert pace.step(1) == 0
    pace.note_step(1, 2.0)
    assert pace.step(5) == pytest.approx(6.0)
    pace.note_step(5, 7.0)
    assert pace.step(5) == 7.0


def test_the_newest_steps_move_the_pace_and_the_ends_of_epochs_count():
    pace = Pace()
    pace.note_step(1, 1.0)
    for _ in range(200):
        pace.note_step(1, 3.0)
    pace.note_epoch_end(10.0)
    assert pace.remaining({1: 10}, 2) == pytest.approx(30 + 20, rel=0.01)


def test_timing_a_step_changes_nothing_of_the_run(dataset):
    timed, plain = (Trainer(small("conv"), dataset, CPU) for _ in range(2))
    for draws in (1, 5):
        assert timed.time_step(draws) > 0
    for trainer in (timed, plain):
        trainer.take_step(trainer.batch())
    for one, other in zip(timed.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(timed.sums, plain.sums)


def pace_of(seconds):
    """Steps that take so long, by number of draws."""
    pace = Pace()
    for draws, step in seconds.items():
        pace.note_step(draws, step)
    return pace


def test_minutes_become_epochs_of_equal_length_with_a_warm_up_and_patience_of_their_size():
    config = dataclasses.replace(small("conv", importance_share=0.0), minutes=10.0)
    divided = divide(config, pace_of({1: 0.1}))
    steps = divided.epochs * divided.epoch_steps
    assert divided.epochs == EPOCHS and 0.9 * 6000 < steps <= 6000
    short = divide(config, pace_of({1: 30.0}))
    assert short.epochs == 1 and short.epoch_steps == 20
    ready = for_length(divided, steps)
    assert ready.learning_rate_warmup_steps == steps // 20 and 0 < ready.patience < divided.epochs
    assert for_length(dataclasses.replace(divided, patience=3), 100).learning_rate_warmup_steps == 5
    assert for_length(dataclasses.replace(divided, patience=3), 100).patience == 3


def test_a_slower_machine_leaves_fewer_epochs():
    pace = Pace()
    pace.note_step(1, 1.0)
    config = dataclasses.replace(small("conv", importance_share=0.0), minutes=10.0)
    left = {"steps_per_epoch": 20, "pace": pace, "config": config}
    assert epochs_in_time(**left, step=0, seconds=0.0) == 30
    assert epochs_in_time(**left, step=200, seconds=400.0) == 20
    assert epochs_in_time(**left, step=200, seconds=700.0) == 10  # the time is over
    assert epochs_in_time(**left, step=0, seconds=700.0) == 1


def test_the_last_epochs_on_several_draws_have_their_part_of_the_minutes():
    """A quarter on the bound of five draws: with one pace for all, a run of 3 minutes took 5."""
    pace = pace_of({1: 1.0, 5: 4.0})
    config = dataclasses.replace(small("conv", importance_share=0.25), minutes=10.0)
    assert config.importance_draws == 5
    divided = divide(config, pace)
    assert 540 < divided.epochs * divided.epoch_steps * (0.75 * 1.0 + 0.25 * 4.0) <= 600
    for done, seconds in ((0, 0.0), (5, 100.0), (10, 200.0), (14, 360.0), (16, 500.0)):
        epochs = epochs_in_time(config, pace, step=20 * done, steps_per_epoch=20, seconds=seconds)
        planned = dataclasses.replace(config, epochs=epochs)
        rest = sum(20 * {1: 1.0, 5: 4.0}[bound_draws(planned, epoch)] for epoch in range(done, epochs))
        assert abs(rest - (600 - seconds)) <= 80, (done, epochs)  # an epoch of the last ones


def test_an_epoch_that_is_begun_is_ended():
    pace = Pace()
    pace.note_step(1, 1.0)
    left = {
        "steps_per_epoch": 20,
        "pace": pace,
        "config": dataclasses.replace(small("conv", importance_share=0.0), minutes=10.0),
    }
    assert epochs_in_time(**left, step=205, seconds=205.0) == 30
    assert epochs_in_time(**left, step=205, seconds=585.0) == 11
    assert epochs_in_time(**left, step=205, seconds=900.0) == 11


def test_a_run_of_minutes_ends_and_notes_what_it_became(dataset, tmp_path, capsys):
    config = dataclasses.replace(small("mlp-2d", validation_images=20), minutes=0.02)
    assert fit(config, tmp_path / "run", dataset, CPU)
    kept, rows = read_config(tmp_path / "run"), read_metrics(tmp_path / "run")
    assert kept.epochs == rows[-1]["epoch"] and kept.epoch_steps >= 20
    spent = read(tmp_path / "run" / LAST).state["seconds"]
    assert fit(kept, tmp_path / "run", dataset, CPU, resume=True)
    assert read(tmp_path / "run" / LAST).state["seconds"] == spent  # nothing was left to do
    assert "see each image" in capsys.readouterr().err


def test_an_epoch_of_its_own_length_goes_on_where_the_last_one_ended(dataset):
    """Seventy images, ten steps of sixteen: every image is seen twice before any is seen a third time."""
    trainer = Trainer(small("mlp", epoch_steps=10), dataset, CPU)
    seen = []
    for _ in range(9):
        seen += [image.tobytes() for image in trainer.batch().images.numpy()]
        trainer.step += 1
    assert len(seen) == 144 and len(set(seen[:70])) == len({image.tobytes() for image in dataset.train_images})
    counts = np.unique([seen.count(image) for image in set(seen[:140])])
    copies = max(np.unique(dataset.train_images, axis=0, return_counts=True)[1])
    assert counts.min() >= 2 and counts.max() <= 3 * copies
