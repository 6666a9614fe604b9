"""Checkpoints: whole or not there, never silently wrong."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.torch
import torch
from vae_train import checkpoint
from vae_train.checkpoint import BEST, LAST, PREVIOUS, Checkpoint, read, read_last, save, save_last
from vae_train.errors import TrainingError


def make(step):
    random = torch.Generator().manual_seed(step)
    weight = torch.randn(3, 2, 4, 4, generator=random).to(memory_format=torch.channels_last)
    tensors = {"a.weight": weight, "n": torch.tensor(step), "state": torch.arange(9, dtype=torch.uint8)}
    return Checkpoint(tensors, {"step": step, "best_bound": float("-inf")})


def assert_same(read, expected):
    assert read.state == expected.state and read.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert torch.equal(read.tensors[name], tensor), name


def test_a_checkpoint_survives_writing_and_reading(tmp_path):
    save(tmp_path / BEST, make(3))
    assert_same(read(tmp_path / BEST), make(3))


def test_the_same_checkpoint_is_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / name, make(1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / LAST
    save(path, make(1))
    content, random = path.read_bytes(), np.random.default_rng(0)
    silent = []
    for place in random.integers(0, 8 * len(content), 500).tolist():
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert_same(read(path), make(1))  # a changed space of the header's padding changes nothing
        except TrainingError:
            continue
        except AssertionError:
            silent.append(place)
    assert not silent


@pytest.mark.parametrize("content", [b"", b"\x08", b"\xff" * 100])
def test_what_is_no_checkpoint_is_damaged(tmp_path, content):
    (tmp_path / LAST).write_bytes(content)
    with pytest.raises(TrainingError, match="is damaged"):
        read(tmp_path / LAST)


def test_weights_of_another_program_are_not_called_damaged(tmp_path):
    for metadata in (None, {"format": "pt"}):
        (tmp_path / BEST).write_bytes(safetensors.torch.save({"weight": torch.zeros(3)}, metadata))
        with pytest.raises(TrainingError, match=r"is a safetensors file of another program: 1 tensors") as error:
            read(tmp_path / BEST)
        assert "damaged" not in str(error.value) and "vae fit" in str(error.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_called_one_and_not_opened(tmp_path, zipped):
    torch.save({"weight": torch.zeros(3)}, tmp_path / BEST, _use_new_zipfile_serialization=zipped)
    with pytest.raises(TrainingError, match=r"is a pickle, as torch\.save writes it") as error:
        read(tmp_path / BEST)
    assert "damaged" not in str(error.value) and "best.safetensors or last.safetensors of a run" in str(error.value)


def test_a_truncated_checkpoint_is_damaged(tmp_path):
    save(tmp_path / LAST, make(1))
    content = (tmp_path / LAST).read_bytes()
    for length in range(0, len(content), 37):
        (tmp_path / LAST).write_bytes(content[:length])
        with pytest.raises(TrainingError):
            read(tmp_path / LAST)


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path):
    for step in (1, 2, 3):
        save_last(tmp_path, make(step))
    (tmp_path / LAST).write_bytes((tmp_path / LAST).read_bytes()[:-5])
    said = []
    assert_same(read_last(tmp_path, said.append), make(2))
    assert len(said) == 1 and "damaged" in said[0] and "Resuming from previous.safetensors, step 2" in said[0]


def test_with_no_good_checkpoint_nothing_is_deleted(tmp_path):
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(TrainingError, match="nothing to resume from"):
        read_last(tmp_path, pytest.fail)
    assert sorted(os.listdir(tmp_path)) == sorted([LAST, PREVIOUS])


def test_a_full_disk_leaves_the_old_checkpoints(tmp_path, monkeypatch):
    save_last(tmp_path, make(1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_last(tmp_path, make(2))
    assert_same(read_last(tmp_path, lambda _: None), make(1))
    assert not list(tmp_path.glob(".*"))


def test_a_killed_writer_always_leaves_a_checkpoint_that_it_wrote(tmp_path, root):
    """kill -9 at random moments of a process that does nothing but write checkpoints."""
    code = (
        "import sys, torch, itertools; from pathlib import Path; from vae_train.checkpoint import *;"
        "big = torch.arange(200_000); print('ready', flush=True);\n"
        "for step in itertools.count(): save_last(Path(sys.argv[1]), Checkpoint({'x': big + step}, {'step': step}))"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=root, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "ready\n"
    random = np.random.default_rng(0)
    for _ in range(25):
        while not (tmp_path / PREVIOUS).exists():
            time.sleep(0.01)
        time.sleep(random.random() * 0.05)
        # SIGSTOP freezes the writer where it is; what a kill would leave there is what lies there now.
        writer.send_signal(signal.SIGSTOP)
        last = read_last(tmp_path, lambda _: None)
        assert torch.equal(last.tensors["x"], torch.arange(200_000) + last.state["step"])
        writer.send_signal(signal.SIGCONT)
    writer.kill()
    writer.wait()
    writer.stdout.close()
    last = read_last(tmp_path, lambda _: None)
    assert torch.equal(last.tensors["x"], torch.arange(200_000) + last.state["step"])


def test_the_folder_of_something_else_is_not_a_run(tmp_path):
    from vae_runtime import InputError

    with pytest.raises(InputError, match=r"no config\.json"):
        checkpoint.read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"preset": "conv"}')
    with pytest.raises(InputError, match="not the config of a run"):
        checkpoint.read_config(tmp_path)
