"""Several processes under torchrun train the run that one process trains."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from vae_train.checkpoint import BEST, LAST, read
from vae_train.metrics import read_metrics

from vae_runtime.cli import main

FIT = ["fit", "--preset", "mlp", "--data", "digits", "--prior", "flow", "--threads", "1"]


def start(root, folder, processes, *arguments):
    """Begin a run in `processes` processes that meet on this machine alone."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "vae_runtime"]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def train_(*arguments):
    """A run in this process; returns what it said."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stderr


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(root, tmp_path):
    # 1437 images in batches of 90: the last batch is odd, and the processes' shares of it differ.
    run = start(root, tmp_path, 2, *FIT, "--out", "two", "--epochs", "2", "--batch-size", "45")
    train_(*FIT, "--out", tmp_path / "one", "--epochs", "2", "--batch-size", "90")
    said = run.communicate(timeout=200)[1]
    assert run.returncode == 0, said
    one, two = (read_metrics(tmp_path / name) for name in ("one", "two"))
    assert len(one) == len(two) == 2
    for row, other in zip(one, two, strict=True):
        for name in ("elbo", "log_likelihood", "kl", "bound"):
            assert other[name] == pytest.approx(row[name], rel=2e-3), name
    assert two[0]["elbo"] == pytest.approx(one[0]["elbo"], rel=1e-4)
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("one", "two")]
    assert configs[0] == configs[1] and configs[0]["batch_size"] == 90
    # One writer: everything is there once, and whole.
    assert read(tmp_path / "two" / LAST).state["step"] == read(tmp_path / "one" / LAST).state["step"] == 32
    assert (tmp_path / "two" / BEST).exists()

    said = train_("fit", "--resume", tmp_path / "two", "--epochs", "3", "--threads", "1")
    assert "Resuming at step 32 of 48" in said
    assert [row["epoch"] for row in read_metrics(tmp_path / "two")] == [1, 2, 3]


def test_a_stop_reaches_every_process_and_loses_nothing(root, tmp_path):
    run = start(root, tmp_path, 2, *FIT, "--out", "run", "--epochs", "500")
    for line in run.stderr:
        if line.startswith("epoch 1/"):
            run.send_signal(signal.SIGTERM)
            break
    rest = run.stderr.read()
    run.stderr.close()
    assert run.wait(60) != 0
    assert rest.count("Go on with: vae fit --resume run") == 1, rest
    assert read(tmp_path / "run" / LAST).state["step"] >= 6
