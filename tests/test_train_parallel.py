"""Several processes under torchrun train the run that one process trains."""

import json
import os
import signal
import subprocess
import sys

import pytest

from train.checkpoint import BEST, LAST, read
from train.progress import read_metrics

FIT = ["-m", "train", "fit", "--preset", "mlp", "--data", "digits", "--prior", "flow", "--threads", "1"]


def start(root, folder, processes, *arguments):
    """Begin a run in `processes` processes that meet on this machine alone."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def finish(run):
    """Wait for the end; returns what it said."""
    said = run.communicate(timeout=200)[1]
    assert run.returncode == 0, said
    return said


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(root, tmp_path):
    # 1437 images in batches of 90: the last batch is odd, and the processes' shares of it differ.
    runs = [
        start(root, tmp_path, 1, *FIT, "--out", "one", "--epochs", "2", "--batch-size", "90"),
        start(root, tmp_path, 2, *FIT, "--out", "two", "--epochs", "2", "--batch-size", "45"),
    ]
    for run in runs:
        finish(run)
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

    assert "Resuming at step 32 of 48" in finish(start(root, tmp_path, 1, *FIT[:3], "--resume", "two", "--epochs", "3"))
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
    assert rest.count("Go on with: python -m train fit --resume run") == 1, rest
    assert read(tmp_path / "run" / LAST).state["step"] >= 6
