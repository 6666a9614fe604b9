"""A run from a request: begun, gone on with by the same request, refused where it is another's."""

import os
import signal

import numpy as np
import pytest
from vae_train.checkpoint import BEST, LAST, read_config
from vae_train.config import LIKELIHOOD_NAMES, PRIOR_NAMES
from vae_train.fit.plan import FitRequest
from vae_train.fit.run import resolve, run
from vae_train.fit.trainer import Trainer
from vae_train.metrics import read_metrics

from vae_runtime import InputError, write_image

SMALL = {"widths": (8,), "latent_size": 2, "epochs": 2, "validation_images": 100, "seed": 2**63 - 1, "minutes": None}


@pytest.fixture
def request_(tmp_path):
    """What a program asks for that knows of no earlier run."""
    return FitRequest(out=tmp_path / "run", go_on=True, preset="mlp", data="digits", device="cpu", changes=SMALL)


def with_changes(request, **changes):
    return FitRequest(**{**vars(request), "changes": {**request.changes, **changes}})


def test_an_outcome_says_what_was_trained_on_and_how_it_does(request_):
    outcome = run(request_)
    assert outcome.folder == request_.out and outcome.config == read_config(request_.out)
    assert outcome.data == ("1,437 images to train on, 360 to test: 28x28, grey.",)
    assert outcome.is_new and outcome.is_writer and outcome.stopped_by is None
    assert outcome.verdict[0].startswith("Held out: ")
    again = run(request_)
    assert not again.is_new and again.verdict == outcome.verdict
    assert [row["epoch"] for row in read_metrics(request_.out)] == [1, 2]


def test_a_stopped_run_goes_on_by_the_same_request_to_the_same_bits(request_, tmp_path, monkeypatch):
    usual = Trainer.take_step

    def take_step(self):
        usual(self)
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    straight = FitRequest(**{**vars(request_), "out": tmp_path / "straight"})
    run(straight)
    monkeypatch.setattr(Trainer, "take_step", take_step)
    stopped = run(request_)
    assert stopped.stopped_by == signal.SIGTERM and stopped.is_new and stopped.verdict == ()
    outcome = run(request_)
    assert outcome.stopped_by is None and not outcome.is_new
    for name in (LAST, BEST):
        assert (request_.out / name).read_bytes() == (straight.out / name).read_bytes(), name


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"latent_size": 3}, "was begun with latent size 2, and 3 is asked for"),
        ({"preset": "conv"}, "was begun with preset 'mlp', and 'conv' is asked for"),
        ({"data": "mnist"}, "was begun with data 'digits', and 'mnist' is asked for"),
        ({"mode": "RGB"}, "was begun with image shape"),
    ],
)
def test_a_request_for_another_run_does_not_take_this_ones_place(request_, asked, words):
    run(request_)
    changes = {name: chosen for name, chosen in asked.items() if name == "latent_size"}
    fields = {name: chosen for name, chosen in asked.items() if name not in changes}
    other = FitRequest(**{**vars(with_changes(request_, **changes)), **fields})
    with pytest.raises(InputError, match=words):
        run(other)
    with pytest.raises(InputError, match="is a run already"):
        run(FitRequest(**{**vars(request_), "go_on": False}))


def test_a_longer_request_makes_the_run_longer(request_):
    run(request_)
    assert run(with_changes(request_, epochs=3)).config.epochs == 3
    assert [row["epoch"] for row in read_metrics(request_.out)] == [1, 2, 3]


def test_a_config_of_pictures_is_resolved_without_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(12):
        write_image(tmp_path / "photos" / f"{number}.png", random.random((3, 32, 48), np.float32))
    request = FitRequest(out=tmp_path / "run", data=str(tmp_path / "photos"), device="cpu", changes={"epochs": 1})
    config = resolve(request)
    assert config.data == "photos" and config.image_shape == (3, 32, 48) and config.minutes == 0
    assert config.likelihood == "gaussian" and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"likelihood": "gaussian"}, "a Gaussian has no binary pixels"),
        ({"likelihood": "cauchy"}, f"the likelihood is 'cauchy'; expected {' or '.join(LIKELIHOOD_NAMES)}"),
        ({"prior": "vamp"}, f"the prior is 'vamp'; expected {' or '.join(PRIOR_NAMES)}"),
        ({"labels": 10}, "labels need the prior 'flow'"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_written(request_, changes, words):
    with pytest.raises(InputError, match=words):
        run(with_changes(request_, **changes))
    assert not (request_.out / LAST).exists()
