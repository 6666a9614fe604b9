"""`vae verify` finds what is damaged and what is off."""

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import subprocess

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.folders import edit
from vae_runtime import VAE, IntegrityError, ProviderError, VAEError
from vae_runtime.checks import verify_subprocess
from vae_runtime.model.writing import describe


@pytest.fixture
def copy(root, tmp_path):
    return shutil.copytree(root / "artifacts" / "mnist", tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoint"))


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("model", ["mnist", "mnist-conditional", "mnist-mlp", "mnist-2d"])
def test_verify_passes_what_is_shipped(root, model, precision):
    arguments = ("verify", "-m", root / "artifacts" / model, "--precision", precision)
    result = vae_(*arguments)
    assert result.stdout.endswith("PASS on CPUExecutionProvider\n") and "not in the manifest" not in result.stdout
    report = json.loads(vae_(*arguments, "--json").stdout)
    assert report["verdict"] == "PASS" and report["files_checked"] == (9 if model in ("mnist-mlp", "mnist-2d") else 11)
    assert set(report["tensors"]) == {"eps", "mean", "logvar", "z", "images", "logits", "nats"}
    assert all(0 <= item["difference"] <= item["tolerance"] for item in report["tensors"].values())


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx", "golden.npz", "README.md", "samples.png"])
def test_verify_finds_a_flipped_bit_in_any_file(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 4
    (copy / name).write_bytes(content)
    assert name in vae_("verify", "-m", copy, code=4).stderr


@pytest.mark.parametrize(
    ("array", "tensors"),
    [
        ("mean", ["mean"]),
        ("logvar", ["logvar"]),
        ("decoded", ["images"]),
        ("eps", ["eps", "z"]),  # the prior's draws are made from it
        ("prior_z", ["z"]),
        ("prior_log_prob", ["nats"]),
        ("iwae", ["nats"]),
        ("score_elbo", ["nats"]),
        ("score_kl", ["nats"]),
    ],
)
def test_verify_fails_where_a_number_is_off(copy, array, tensors):
    with np.load(copy / "golden.npz") as file:
        golden = {name: file[name] for name in file.files}
    golden[array] = golden[array] + golden[array].dtype.type(0.02)
    np.savez(copy / "golden.npz", **golden)
    entry = dataclasses.asdict(describe("golden.npz", (copy / "golden.npz").read_bytes()))
    edit(copy, lambda m: m["golden"]["float32"].update(entry))
    result = vae_("verify", "-m", copy, code=4)
    assert result.stdout.endswith("FAIL on CPUExecutionProvider\n")
    assert [line.split()[0] for line in result.stdout.splitlines() if "TOO FAR" in line] == tensors
    report = json.loads(vae_("verify", "--json", "-m", copy, code=4).stdout)
    assert report["verdict"] == "FAIL" and not report["tensors"][tensors[0]]["passed"]


def test_verify_fails_where_a_file_is_not_listed(copy):
    (copy / ".DS_Store").touch()
    vae_("verify", "-m", copy)
    (copy / "evil.so").touch()
    result = vae_("verify", "-m", copy, code=4)
    assert "evil.so is in the folder but not in the manifest" in result.stdout


def test_a_digest_pins_a_model(copy):
    digest = hashlib.sha256((copy / "manifest.json").read_bytes()).hexdigest()
    assert digest in vae_("info", "-m", copy).stdout and digest in vae_("verify", "-m", copy).stdout
    vae_("verify", "-m", copy, "--digest", digest)
    vae = pickle.loads(pickle.dumps(VAE.load(copy, digest=digest.upper())))
    assert vae.manifest.digest == digest
    edit(copy, lambda m: m.update(license="MIT"))
    assert "expected" in vae_("verify", "-m", copy, "--digest", digest, code=4).stderr
    for again in (lambda: VAE.load(copy, digest=digest), lambda: pickle.loads(pickle.dumps(vae))):
        with pytest.raises(IntegrityError, match="another model, or was changed"):
            again()


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(copy):
    for name in ("decoder.onnx", "manifest.json"):
        (copy / name).unlink()
        os.mkfifo(copy / name)
        assert "no plain file" in vae_("verify", "-m", copy, code=4).stderr


@pytest.mark.parametrize(
    ("doing", "kind", "words"),
    [
        (
            "os.kill(os.getpid(), signal.SIGFPE)",
            IntegrityError,
            "ended the process that ran it (SIGFPE); do not use it",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", IntegrityError, "as it does where memory runs out"),
        ("os.kill(os.getpid(), signal.SIGTERM)", ProviderError, "was stopped from outside (SIGTERM); check it again"),
        ("time.sleep(60)", IntegrityError, "within 2 seconds and its process was stopped: the model is too slow"),
        (
            "v._limit_memory(); bytearray(8 * 2**30)",
            IntegrityError,
            "needs more memory than there is for a check (2 GiB",
        ),
        ("os.write(2, b'terminate: std::bad_alloc'); os.abort()", IntegrityError, "needs more memory than there is"),
        ("return {'error': 'ProviderError', 'message': 'bad allocation'}", IntegrityError, "needs more memory than"),
        ("print('noise', flush=True); sys.exit('a sentence')", IntegrityError, "(a sentence); do not use it"),
    ],
)
def test_a_model_that_ends_its_process_is_an_error_like_any_other(copy, monkeypatch, tmp_path, doing, kind, words):
    (tmp_path / "hostile_answer.py").write_text(
        "import os, signal, sys, time\nimport vae_runtime.checks.verify_subprocess as v\n"
        f"def answer(**asked):\n    {doing.replace('; ', chr(10) + '    ')}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(verify_subprocess, "__name__", "hostile_answer")
    with pytest.raises(VAEError) as error:
        verify_subprocess.verify_in_subprocess(copy, providers="cpu", threads=1, precision="float32", seconds=2)
    assert type(error.value) is kind and words in str(error.value)
    assert str(copy) in str(error.value) or "SIG" in words


def test_the_time_of_a_check_can_be_given(copy, monkeypatch):
    def ask(module, *, seconds, **arguments):
        raise subprocess.TimeoutExpired(module, seconds)

    monkeypatch.setattr(verify_subprocess, "ask", ask)
    assert "within 600 seconds" in vae_("verify", "-m", copy, code=4).stderr
    assert "within 7 seconds" in vae_("verify", "-m", copy, "--timeout", 7, code=4).stderr


def test_graphs_of_two_models_are_refused(root, copy):
    content = (root / "artifacts" / "mnist-mlp" / "decoder.onnx").read_bytes()
    (copy / "decoder.onnx").write_bytes(content)
    entry = dataclasses.asdict(describe("decoder.onnx", content))
    edit(copy, lambda m: m["graphs"]["decoder"].update(float32=entry))
    assert "of different models" in vae_("sample", "-m", copy, "-o", "x.png", code=4).stderr
