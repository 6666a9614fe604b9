"""Opening a model folder: every byte is checked, the graphs are one pair, the provider is the one asked for."""

import dataclasses
import os
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.support.folders import edit
from vae_runtime import VAE, EngineError, InputError, IntegrityError, ProviderError
from vae_runtime.model import writing
from vae_runtime.model.providers import full_names
from vae_runtime.threads import available_processors


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
def test_a_flipped_bit_of_a_graph_is_found(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{name} is not the file of this manifest"):
        VAE.load(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has 0 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\n<!DOCTYPE html>", "web page"),
        (b"x" * 10_000, "more than"),
    ],
)
def test_a_file_of_another_size_is_named_for_what_it_is(folder, content, words):
    (folder / "decoder.onnx").write_bytes(content)
    with pytest.raises(IntegrityError, match=words):
        VAE.load(folder)


def test_a_missing_graph_is_named(folder):
    (folder / "decoder.onnx").unlink()
    with pytest.raises(IntegrityError, match=r"decoder\.onnx is missing"):
        VAE.load(folder)


def put(folder, name, content):
    """Replace a graph and make the manifest say so."""
    (folder / name).write_bytes(content)
    entry = dataclasses.asdict(writing.describe(name, content))
    edit(folder, lambda m: m["graphs"][name.removesuffix(".onnx")].update(float32=entry))


def test_a_graph_of_another_model_is_refused_by_its_stamp(folder, root):
    put(folder, "decoder.onnx", (root / "artifacts" / "mnist" / "decoder.onnx").read_bytes())
    with pytest.raises(IntegrityError, match=r"vae\.pair_id"):
        VAE.load(folder)


def test_swapped_graphs_are_refused_by_their_role(folder):
    encoder, decoder = ((folder / f"{role}.onnx").read_bytes() for role in ("encoder", "decoder"))
    put(folder, "encoder.onnx", decoder)
    put(folder, "decoder.onnx", encoder)
    with pytest.raises(IntegrityError, match=r"vae\.role"):
        VAE.load(folder)


def test_graphs_of_other_sizes_than_the_manifest_says_are_refused(folder):
    edit(folder, lambda m: m["latent"].update(shape=[3]))
    with pytest.raises(IntegrityError, match="manifest needs"):
        VAE.load(folder)


@pytest.mark.parametrize(("element", "batch"), [(TensorProto.FLOAT, 1), (TensorProto.DOUBLE, "batch")])
def test_a_fixed_batch_or_another_element_type_is_refused(folder, element, batch):
    graph = onnx.load(folder / "decoder.onnx")
    graph.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    if isinstance(batch, int):
        graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    else:
        del graph.graph.node[:], graph.graph.initializer[:]
        graph.graph.node.append(onnx.helper.make_node("Cast", ["z"], ["wide"], to=element))
        graph.graph.node.append(onnx.helper.make_node("Tile", ["wide", "times"], ["flat"]))
        graph.graph.node.append(onnx.helper.make_node("Reshape", ["flat", "shape"], ["images"]))
        for name, numbers in (("times", [1, 3]), ("shape", [-1, 1, 2, 3])):
            graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(numbers), name))
        graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param = batch
        graph.graph.output[0].type.tensor_type.elem_type = element
    put(folder, "decoder.onnx", graph.SerializeToString())
    with pytest.raises(IntegrityError, match="manifest needs"):
        VAE.load(folder)


def test_a_file_that_is_no_graph_is_refused_in_one_line(folder, capfd):
    put(folder, "decoder.onnx", b"not a graph at all")
    with pytest.raises(IntegrityError, match=r"decoder\.onnx is no graph") as error:
        VAE.load(folder)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_for_a_newer_onnxruntime_says_so(folder):
    edit(folder, lambda m: m.update(min_onnxruntime="99.0"))
    with pytest.raises(ProviderError, match=r"needs onnxruntime 99\.0"):
        VAE.load(folder)


def test_each_file_is_read_once_and_used_from_memory(folder, monkeypatch):
    opened = []
    usual = open

    def counting(path, *args, **kwargs):
        opened.append(os.fspath(path))
        return usual(path, *args, **kwargs)

    monkeypatch.setattr("builtins.open", counting)
    VAE.load(folder)
    assert sorted(os.path.basename(path) for path in opened if str(folder) in path) == [
        "decoder.onnx",
        "encoder.onnx",
        "manifest.json",
    ]


@pytest.mark.parametrize("provider", ["cuda", "CUDAExecutionProvider", "NoSuchProvider", ("cuda", "cpu")])
def test_a_provider_that_is_not_there_is_an_error_and_nothing_is_printed(folder, provider, capfd, recwarn):
    with pytest.raises(ProviderError, match=r"was asked for and did not come.*There is .*CPUExecutionProvider"):
        VAE.load(folder, providers=provider)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_a_session_that_falls_back_is_an_error(folder, monkeypatch):
    """A listed provider proves nothing: the opened session is asked."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["OddProvider", "CPUExecutionProvider"])
    usual = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda model, options, providers, **more: usual(model, options, providers=["CPUExecutionProvider"], **more),
    )
    with pytest.raises(ProviderError, match="OddProvider was asked for and did not come"):
        VAE.load(folder, providers="OddProvider")


def test_cuda_is_loaded_from_its_wheels_without_a_word_on_stdout(folder, monkeypatch, capsys):
    import onnxruntime

    called = []

    def preload(**arguments):
        called.append(arguments)
        print("Failed to load libcudart.so")

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **more: called.append(more["providers"]) or 1 / 0)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(EngineError, match=r"CUDAExecutionProvider failed to open .*division by zero"):
        VAE.load(folder, providers="cuda")
    assert called == [{"directory": ""}, [("CUDAExecutionProvider", {"use_tf32": "0"})]]
    assert capsys.readouterr() == ("", "Failed to load libcudart.so\n")


def test_short_provider_names_mean_onnxruntimes_own():
    assert full_names("cuda, cpu") == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert full_names(["CPUExecutionProvider"]) == ("CPUExecutionProvider",)
    for wrong in ("", (), ["cpu", ""], [3]):
        with pytest.raises(InputError, match="providers is"):
            full_names(wrong)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpu", "cuda"),
        ("GPU", "cuda"),
        ("nvidia", "cuda"),
        ("cuda:0", "cuda"),
        ("cudaa", "cuda"),
        ("trt", "tensorrt"),
        ("tensor-rt", "tensorrt"),
        ("dml", "directml"),
        ("DirectX", "directml"),
        ("metal", "coreml"),
        ("mps", "coreml"),
        ("core-ml", "coreml"),
        ("opnvino", "openvino"),
        ("CudaExecutionProvider", "CUDAExecutionProvider"),
    ],
)
def test_a_name_that_is_no_provider_suggests_the_one_that_was_meant(name, meant):
    for providers in (name, f"cpu,{name}", ["cpu", name]):
        with pytest.raises(
            InputError, match=f"the provider {name!r} is unknown: did you mean {meant}\\? Expected cpu, cuda"
        ):
            full_names(providers)


def test_a_name_that_is_like_no_provider_is_told_which_there_are():
    for name in ("tpu", "x", "quantum"):
        with pytest.raises(InputError, match=f"the provider {name!r} is unknown\\. Expected cpu, cuda"):
            full_names(name)
    assert full_names("CUDA, TensorRT,SomeNewExecutionProvider") == (
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        "SomeNewExecutionProvider",
    )


def test_the_opened_providers_are_reported(vae):
    assert vae.providers == ("CPUExecutionProvider",)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "1600000 100000"}, 8),
        ({"cpu.max": "garbage"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_threads_follow_affinity_and_the_containers_quota(tmp_path, monkeypatch, files, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_processors(tmp_path) == expected


def test_a_precision_that_the_model_lacks_is_named_with_those_it_has(folder):
    with pytest.raises(InputError, match="no graphs of precision 'int8'; it has float32"):
        VAE.load(folder, precision="int8")
