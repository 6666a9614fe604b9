"""`vae doctor`, and providers that come as packages of their own: each runs, or says why not."""

import importlib.metadata
import json

import numpy as np
import onnxruntime
import pytest

from tests.support.commands import vae_
from vae_runtime import VAE, ProviderError
from vae_runtime.checks import doctor
from vae_runtime.model import plugins


def test_a_sound_machine_is_told_so():
    told = vae_("doctor").stdout
    assert "CPUExecutionProvider        runs, largest difference from the CPU 0.0e+00" in told and "PROBLEM" not in told
    facts = json.loads(vae_("doctor", "--json").stdout)
    assert facts["onnxruntime"] == onnxruntime.__version__ and facts["problems"] == []
    assert facts["onnxruntime telemetry"] == "off" and len(facts["model digest"]) == 64
    (cpu,) = [report for report in facts["providers"] if report["provider"] == "CPUExecutionProvider"]
    assert cpu["ran"] and cpu["sound"] and cpu["difference"] == 0 and cpu["milliseconds"] > 0


def test_a_provider_that_was_asked_for_and_does_not_run_is_a_problem():
    told = vae_("doctor", "--provider", "cuda", code=3).stdout
    assert "PROBLEM: CUDAExecutionProvider was asked for and did not come" in told


def test_two_packages_of_onnxruntime_are_a_problem_with_its_cure(folder, monkeypatch):
    monkeypatch.setattr(
        importlib.metadata, "packages_distributions", lambda: {"onnxruntime": ["onnxruntime-gpu", "onnxruntime"]}
    )
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0")
    (problem,) = doctor.diagnose(folder).problems
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install --force-reinstall onnxruntime" in problem


def test_a_provider_that_gives_other_images_is_a_problem(folder, monkeypatch):
    usual = onnxruntime.InferenceSession

    class Session(usual):
        """The CPU's; but asked for OddProvider, it says that it is that one and adds 0.1 to every number."""

        def __init__(self, model, options, providers=None, **others):
            self.odd = providers == [("OddProvider", {})]
            super().__init__(model, options, providers=["CPUExecutionProvider"], **others)

        def get_providers(self):
            return ["OddProvider"] if self.odd else super().get_providers()

        def run(self, *arguments):
            return [array + np.float32(0.1 * self.odd) for array in super().run(*arguments)]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["OddProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    (problem,) = doctor.diagnose(folder).problems
    assert problem == "OddProvider differs from the CPU by 0.1."


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A provider's package whose library is a text."""
    (tmp_path / "onnxruntime_ep_openvino.py").write_text("def get_library_path():\n    return '/nowhere/ep.so'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_registered", set())
    return tmp_path


def test_a_package_that_cannot_be_loaded_is_said(folder, plugin):
    with pytest.raises(ProviderError, match=r"onnxruntime-ep-openvino is installed but cannot be loaded: .*nowhere"):
        VAE.load(folder, providers="openvino")


def test_a_package_that_finds_no_device_is_an_error_and_no_run_on_the_cpu(folder, plugin, monkeypatch):
    registered = {}

    def register(name, path):
        assert name not in registered, "onnxruntime refuses a second library of one name"
        registered[name] = path

    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", register, raising=False)
    for _ in range(2):
        with pytest.raises(ProviderError, match="onnxruntime-ep-openvino is installed and finds no device"):
            VAE.load(folder, providers="openvino")
    assert registered == {"OpenVINOExecutionProvider": "/nowhere/ep.so"}
    diagnosis = doctor.diagnose(folder)
    assert not diagnosis.problems  # nobody asked for it
    (report,) = [report for report in diagnosis.providers if report.provider == "OpenVINOExecutionProvider"]
    assert not report.ran and "finds no device" in report.reason


def test_an_onnxruntime_that_knows_no_packages_says_so(folder, plugin, monkeypatch):
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library", raising=False)
    with pytest.raises(ProviderError, match="too old to load it"):
        VAE.load(folder, providers="openvino")


def test_without_a_package_the_way_to_get_it_is_named(folder):
    with pytest.raises(ProviderError, match="pip install onnxruntime-ep-webgpu"):
        VAE.load(folder, providers="webgpu")
