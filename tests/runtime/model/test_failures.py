"""Where onnxruntime fails, the error says what is to blame: memory, the engine, its age, or the model."""

import subprocess
import sys

import onnxruntime
import pytest

import vae_runtime
from tests.support.commands import vae_
from vae_runtime import VAE, EngineError, IntegrityError, ProviderError


def engine_error(kind, said):
    """An error as onnxruntime raises it; its classes share no base, and not every version has each."""
    return type(kind, (Exception,), {})(said)


FAILURES = [
    (MemoryError("std::bad_alloc"), MemoryError),
    (engine_error("Fail", "[ONNXRuntimeError] : 1 : FAIL : Exception during loading: std::bad_alloc"), MemoryError),
    (engine_error("RuntimeException", "BFCArena::AllocateRawInternal Failed to allocate memory"), MemoryError),
    (engine_error("Fail", "ai.onnx opset 30 is under development"), ProviderError),
    (engine_error("InvalidGraph", "This is an invalid model."), IntegrityError),
    (engine_error("Fail", "Type Error: Type parameter (T) of Optype (Add) bound to different types"), IntegrityError),
    (engine_error("RuntimeException", "CUDA failure 100: no CUDA-capable device is detected"), EngineError),
    (engine_error("EPFail", "EP Error"), EngineError),
    (OSError(11, "Resource temporarily unavailable"), EngineError),
]


@pytest.mark.parametrize(("failure", "expected"), FAILURES, ids=lambda value: str(value)[-40:])
def test_a_model_that_does_not_open_is_blamed_only_where_the_engine_speaks_of_it(
    folder, monkeypatch, failure, expected
):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(expected) as error:
        VAE.load(folder)
    assert type(error.value) is expected and "\n" not in str(error.value)
    assert "encoder.onnx" in str(error.value) and str(failure)[-20:] in str(error.value)


@pytest.mark.parametrize(
    ("said", "expected", "code"),
    [
        ("Failed to allocate memory for requested buffer of size 17179869184", MemoryError, 2),
        ("Non-zero status code returned while running Conv node.\nName: ''", EngineError, 3),
    ],
)
def test_an_open_model_that_does_not_run_is_never_called_invalid(folder, tmp_path, monkeypatch, said, expected, code):
    usual = onnxruntime.InferenceSession

    class Failing(usual):
        def run(self, *_):
            raise engine_error("Fail", said)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Failing)
    with pytest.raises(expected) as error:
        VAE.load(folder).sample(1)
    assert type(error.value) is expected and "CPUExecutionProvider" in str(error.value)
    told = vae_("sample", "-m", folder, "-o", tmp_path / "x.png", code=code).stderr
    assert told.count("\n") == 1 and said.split("\n")[0] in told


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set beside what /proc says is in use")
def test_a_process_without_memory_says_so_and_not_that_its_model_is_broken(root):
    """No fake: the engine is loaded, then the memory is taken away, and the same model is opened again."""
    code = """
import re, resource, sys
from pathlib import Path
from vae_runtime import VAE
vae = VAE.load(sys.argv[1], threads=1)
vae.sample(1)
used = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used, resource.RLIM_INFINITY))
opened = []
try:
    while len(opened) < 100:
        opened.append(VAE.load(sys.argv[1], threads=1))
except MemoryError as error:
    opened.clear()
    print("MemoryError")
"""
    command = [sys.executable, "-c", code, root / "artifacts" / "mnist"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert (result.stdout, result.returncode) == ("MemoryError\n", 0), result.stderr


def test_a_timeout_of_ours_is_public_and_pythons_own():
    with pytest.raises(TimeoutError), vae_runtime.timeout(1e-9):
        VAE.load().sample(1)
    assert issubclass(vae_runtime.TimeoutError, TimeoutError) and issubclass(
        vae_runtime.TimeoutError, vae_runtime.VAEError
    )
