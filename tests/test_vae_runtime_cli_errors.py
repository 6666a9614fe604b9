"""What the command line cannot do is one line on stderr and an exit code; the rest is done."""

import json
import os
import shutil

import numpy as np
import pytest

from tests.commands import process, vae_


def test_what_fails_is_said_and_the_rest_is_done(vae, photos, images, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"<html>")
    result = vae_("score", tmp_path / "broken.png", photos / "a.png", "gone.png", "--format", "jsonl", code=1)
    assert json.loads(result.stdout)["score_nats"] == vae.score(images[:1])[0]
    assert "broken.png is a web page" in result.stderr and "gone.png cannot be read" in result.stderr
    assert result.stderr.endswith("vae: 1 done, 2 failed.\n")
    vae_("encode", tmp_path / "broken.png", photos / "a.png", "-o", tmp_path / "z.npz", code=1)
    with np.load(tmp_path / "z.npz") as latents:
        assert latents["mean"].shape == (1, vae.latent_size)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["score", "gone.png"], 2, "gone.png cannot be read"),
        (["score", "gone.png", "empty"], 2, "the folder empty holds no picture"),
        (["score", "text.png", "gone.png"], 2, "none of the 2 inputs can be read"),
        (["sample", "-o", "x.tiff"], 2, "suffix '.tiff'"),
        (["sample", "-o", "no/such/x.png"], 2, "does not exist"),
        (["sample", "-o", "no/such/%d.png"], 2, "does not exist"),
        (["encode", "good.png", "-o", "empty"], 2, "is a directory"),
        (["encode", "good.png", "-o", "/dev/full"], 2, "/dev/full: No space left on device"),
        (["decode", "text.png", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["decode", "gone.npz", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["decode", "other.npz", "-o", "x.png"], 2, "expected an array named z or mean"),
        (["decode", "wide.npy", "-o", "x.png"], 2, "expected [batch, 40]"),
        (["decode", "objects.npy", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["vary", "empty", "-o", "x.png"], 2, "expected one picture"),
        (["interpolate", "good.png", "text.png", "-o", "x.png"], 2, "text.png is no picture"),
        (["sample", "-o", "x.png", "--precision", "int8"], 2, "it has float32"),
        (["sample", "-o", "x.png", "--provider", "cuda"], 3, "CUDAExecutionProvider was asked for and did not come"),
        (["sample", "-o", "x.png", "--provider", "NoSuch"], 3, "NoSuch was asked for and did not come"),
        (["verify", "--provider", "cuda"], 3, 'pip install "vae-runtime[gpu]"'),
        (["sample", "-o", "x.png", "-m", "gone"], 4, "gone is not a folder"),
        (["info", "-m", "empty"], 4, "has no manifest.json"),
        (["verify", "-m", "torn"], 4, "not valid JSON"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_its_exit_code(root, photos, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "torn"):
        (tmp_path / folder).mkdir()
    (tmp_path / "torn" / "manifest.json").write_text('{"format": "vae-on')
    (tmp_path / "text.png").write_text("hello")
    shutil.copy(photos / "a.png", "good.png")
    np.savez("other.npz", other=np.zeros(3))
    np.save("wide.npy", np.zeros((1, 41), np.float32))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    before = sorted(os.listdir())
    result = vae_(*arguments, code=code)
    assert result.stdout == "" and words in result.stderr
    assert result.stderr.startswith("vae: error: ") and result.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [["sample"], ["sample", "-n", "0", "-o", "x.png"], ["sample", "-o", "x.png", "--seed", "-1"], ["score"], ["what"]],
)
def test_wrong_usage_exits_with_2_and_leaves_stdout_alone(arguments):
    result = vae_(*arguments, code=2)
    assert result.stdout == "" and "Usage: " in result.stderr


def test_without_onnxruntime_the_line_that_installs_it_is_named(root, tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise ModuleNotFoundError('no', name='onnxruntime')")
    path = f"{tmp_path}{os.pathsep}{root}"
    result = process("sample", "-o", "x.png", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 3 and result.stdout == b""
    assert b'pip install "vae-runtime[cpu]"' in result.stderr and result.stderr.count(b"\n") == 1
    result = process("info", "--json", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 0 and json.loads(result.stdout)["name"] == "mnist"
