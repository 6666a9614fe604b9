"""What the verbs of training say while they run, where stderr is a log: a line a minute, here at every turn."""

import pytest
import torch
from click.testing import CliRunner
from vae_train.fit.training import fit

from tests.support.small_runs import bars, small
from vae_runtime.cli import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run, to be measured and drawn."""
    run = tmp_path_factory.mktemp("progress") / "run"
    fit(small("mlp-2d"), run, bars(), torch.device("cpu"))
    return run


@pytest.fixture
def said(monkeypatch):
    """Runs a verb whose progress line shows everything, and gives the lines on stderr."""
    monkeypatch.setattr("vae_train.data.datasets.load", lambda name, folder: bars())
    for module in ("fit.record", "measure.run", "detector.training"):
        monkeypatch.setattr(f"vae_train.{module}.LOG_SECONDS", 1e-9)
    monkeypatch.setattr("vae_runtime.progress.LOG_SECONDS", 1e-9)

    def of(*arguments):
        result = CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])
        assert result.exit_code == 0, result.output
        return result.stderr.splitlines()

    return of


@pytest.mark.parametrize(
    ("verb", "start"),
    [
        (("fit", "--epochs", 5, "--resume"), "epoch 4/5  step "),
        (("evaluate", "-k", 1), "bounds of 1 draws: 30 of 30 images, 0:00:00 left"),
        (("plot",), "plots: 1 of "),
    ],
)
def test_a_log_is_told_how_far_a_verb_is_and_how_long_the_rest_takes(said, trained, verb, start):
    lines = [line for line in said(*verb, trained) if line.startswith(start)]
    assert lines and all(line.endswith(" left") for line in lines)


def test_a_usual_log_is_told_nothing_of_a_short_run(trained, monkeypatch):
    monkeypatch.setattr("vae_train.data.datasets.load", lambda name, folder: bars())
    result = CliRunner().invoke(main, ["plot", str(trained), "--device", "cpu"])
    assert result.exit_code == 0 and result.stderr == ""


@pytest.mark.parametrize("verb", [("fit", "--preset", "mlp", "--out", "new"), ("detector", "RUN")])
def test_a_seed_that_torch_does_not_take_is_refused_with_its_range(trained, tmp_path, verb):
    arguments = [str(trained) if part == "RUN" else str(tmp_path / "new") if part == "new" else part for part in verb]
    result = CliRunner().invoke(main, [*arguments, "--seed", str(2**63)])
    assert result.exit_code == 2 and f"{2**63} is not in the range 0<=x<={2**63 - 1}" in result.stderr
