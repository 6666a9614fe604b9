"""`vae fit`: what it prints, refuses, resumes, and says when it is stopped."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner
from vae_train.checkpoint import LAST, read, require_new_run
from vae_train.fit.training import fit
from vae_train.metrics import read_metrics

from tests.support.small_runs import bars, small
from vae_runtime import InputError
from vae_runtime.cli import main

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset():
    return bars()


@pytest.fixture
def cli(monkeypatch, dataset):
    monkeypatch.setattr("vae_train.data.datasets.load", lambda name, folder: dataset)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_dry_run_prints_the_resolved_config_and_writes_nothing(cli, tmp_path):
    result = cli("fit", "--preset", "conv", "--out", tmp_path / "run", "--epochs", 7, "--dry-run", "--device", "cpu")
    config = json.loads(result.stdout)
    assert result.exit_code == 0 and config["epochs"] == 7 and config["precision"] in ("float32", "bfloat16")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "mlp"], "--out folder"),
        (["--out", "x"], "which --preset"),
        (["--resume", "RUN", "--seed", "3"], "only --epochs"),
        (["--resume", "nowhere"], "no config.json"),
        (["--preset", "mlp", "--out", "RUN"], "is a run already"),
        (["--preset", "mlp", "--out", "x", "--device", "abacus"], "'abacus' cannot be used"),
    ],
)
def test_arguments_that_make_no_run_are_refused_in_one_line(cli, tmp_path, arguments, words):
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "config.json").write_text(small("mlp").to_json())
    (tmp_path / "RUN" / LAST).touch()
    result = cli("fit", *(tmp_path / part if part in ("RUN", "x", "nowhere") else part for part in arguments))
    assert result.exit_code == 2
    assert words in result.stderr and result.stderr.startswith("vae: error: ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "mlp", "--importance-share", "0.5"], "has no --importance-share"),
        (["--preset", "conv", "--only-prior"], "--only-prior needs --from RUN"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, arguments, words):
    result = CliRunner().invoke(main, ["fit", *arguments, "--data", "digits", "--out", str(tmp_path / "run")])
    assert result.exit_code == 2 and words in result.output


def test_a_resumed_run_can_be_made_longer(cli, dataset, tmp_path):
    fit(small("mlp-2d"), tmp_path / "run", dataset, CPU)
    result = cli("fit", "--resume", tmp_path / "run", "--epochs", 5, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [row["epoch"] for row in read_metrics(tmp_path / "run")] == [1, 2, 3, 4, 5]


def test_resuming_a_damaged_checkpoint_falls_back_and_says_so(cli, dataset, tmp_path):
    fit(small("mlp-2d"), tmp_path / "run", dataset, CPU)
    (tmp_path / "run" / LAST).write_bytes(b"torn")
    result = cli("fit", "--resume", tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 0
    assert "damaged" in result.stderr and "Resuming from previous.safetensors, step 10" in result.stderr
    assert [row["epoch"] for row in read_metrics(tmp_path / "run")] == [1, 2, 3]


def test_ctrl_c_saves_and_prints_the_line_that_resumes(root, tmp_path):
    arguments = ["fit", "--preset", "mlp", "--data", "digits", "--out", "run", "--epochs", "500", "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.Popen(
        [sys.executable, "-m", "vae_runtime", *arguments],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in run.stderr:
        if line.startswith("epoch 2/"):
            run.send_signal(signal.SIGINT)
            break
    rest = run.stderr.read()
    run.stderr.close()
    assert run.wait(60) == -signal.SIGINT
    assert "Go on with: vae fit --resume run" in rest
    assert read(tmp_path / "run" / LAST).state["step"] >= 24


def test_a_new_run_takes_nobodys_place(cli, tmp_path):
    for name, words in (
        ("manifest.json", "holds a model"),
        ("model.safetensors", "holds a model"),
        ("letter.txt", "is not empty and holds no run"),
        ("config.json", "is not empty and holds no run"),
        ("data.json", "is not empty and holds no run"),
        (LAST, "is a run already"),
    ):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text('{"mine": 1}')
        result = cli("fit", "--preset", "mlp-2d", "--data", "digits", "--out", folder)
        assert result.exit_code == 2 and words in result.output
        assert [path.name for path in folder.iterdir()] == [name] and (folder / name).read_text() == '{"mine": 1}'


def test_a_run_that_failed_before_its_first_checkpoint_can_be_begun_again(tmp_path):
    (tmp_path / "run").mkdir()
    require_new_run(tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text(small("mlp-2d").to_json())
    require_new_run(tmp_path / "run")
    (tmp_path / "run" / LAST).touch()
    with pytest.raises(InputError, match="is a run already"):
        require_new_run(tmp_path / "run")
