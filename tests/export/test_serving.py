"""A model folder laid out for inference servers: the same graphs, written whole or not at all."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from vae_export.errors import ExportError
from vae_export.serving.kserve import kserve
from vae_export.serving.repository import write_repository
from vae_export.serving.triton import Graph, Tensor, graph_config

from fuzz.servers.serving import foreign_graphs
from tests.support.linear_gaussian import LinearGaussian
from tests.support.spatial import ALL, Spatial
from vae_runtime import InputError, IntegrityError
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.spec import ImageSpec


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_repository_is_the_models_graphs_each_with_a_configuration(served_model):
    model, repository = served_model
    manifest = manifests.read(model)
    names = {f"{manifest.name}_{role}" for role in manifest.graphs}
    chains = {f"{manifest.name}_sample", f"{manifest.name}_reconstruct"}
    assert files(repository) == {
        "manifest.json",
        "golden.npz",
        "kserve.yaml",
        *(f"{name}/config.pbtxt" for name in names | chains),
        *(f"{name}/1/model.onnx" for name in names),
        *(f"{name}/1/README" for name in chains),  # Triton wants the folder, and stores keep none that is empty
    }
    for role, graph in manifest.graphs.items():
        content = (repository / f"{manifest.name}_{role}" / "1" / "model.onnx").read_bytes()
        assert content == (model / graph["float32"].file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == graph["float32"].sha256
    assert (repository / "manifest.json").read_bytes() == (model / "manifest.json").read_bytes()
    assert (repository / "golden.npz").read_bytes() == (model / manifest.golden["float32"].file.file).read_bytes()
    assert foreign_graphs(repository) == []


@pytest.mark.parametrize("name", ALL)
def test_a_repository_has_latents_of_their_shape_and_no_more_than_the_model(name, tmp_path):
    families = ALL[name]
    repository = tmp_path / "served"
    write_repository(Spatial(families).write(tmp_path / "model"), repository)
    assert foreign_graphs(repository) == []
    encoder = (repository / "spatial_encoder" / "config.pbtxt").read_text()
    assert '{ name: "mean" data_type: TYPE_FP32 dims: [ 2, 4, 4 ] }' in encoder
    assert ('"logvar"' in encoder) == (families.posterior != "none")
    assert (repository / "spatial_sample").is_dir() == (families.prior != "none")
    if families.prior != "none":
        sample = (repository / "spatial_sample" / "config.pbtxt").read_text()
        assert '{ name: "eps" data_type: TYPE_FP32 dims: [ 2, 4, 4 ] }' in sample
    assert 'value: "reconstruction"' in (repository / "spatial_reconstruct" / "config.pbtxt").read_text()


def test_a_configuration_reads_like_this():
    latents = Tensor("z", "TYPE_FP32", (2,))
    graph = Graph((latents,), (latents._replace(name="eps"), Tensor("log_prob", "TYPE_FP32", ())))
    assert (
        graph_config("mnist_prior_log_prob", graph, max_batch=64)
        == """\
name: "mnist_prior_log_prob"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: 64
input [
  { name: "z" data_type: TYPE_FP32 dims: [ 2 ] }
]
output [
  { name: "eps" data_type: TYPE_FP32 dims: [ 2 ] },
  { name: "log_prob" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } }
]
dynamic_batching { }
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
"""
    )


def test_large_images_come_in_small_batches(root, tmp_path):
    """What the runtime does on the processor too: working memory is about 100 bytes a pixel."""
    from vae_export.serving.repository import _max_batch

    manifest = manifests.read(root / "artifacts" / "mnist-2d")
    for shape, mode, batch in (((1, 28, 28), "L", 64), ((3, 64, 64), "RGB", 4), ((3, 256, 256), "RGB", 1)):
        image = ImageSpec(shape=shape, mode=mode, fit="crop", resample="box", invert=False)
        assert _max_batch(dataclasses.replace(manifest, image=image)) == batch


def test_kserve_is_told_the_runtime_the_protocol_and_the_place(served_model):
    model, repository = served_model
    text, manifest = (repository / "kserve.yaml").read_text(), manifests.read(model)
    for line in (
        "apiVersion: serving.kserve.io/v1beta1",
        "kind: InferenceService",
        f'  name: "{manifest.name}"',
        f'    vae-runtime/manifest-sha256: "{manifest.digest}"',
        "        name: onnx",
        "      protocolVersion: v2",
        "      runtime: kserve-tritonserver",
        f'      storageUri: "pvc://models/{manifest.name}"  # a copy of the folder that this file lies in',
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("name", "expected"), [("My_Model.v2", "my-model-v2"), ("2d", "vae-2d"), ("..", "vae"), ("a" * 100, "a" * 40)]
)
def test_a_name_becomes_one_that_kubernetes_takes(root, name, expected):
    manifest = dataclasses.replace(manifests.read(root / "artifacts" / "mnist-2d"), name=name)
    assert f"  name: {json.dumps(expected)}\n" in kserve(manifest, "s3://bucket/model")


def test_a_place_that_is_taken_is_refused(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    for target in (tmp_path / "mine", tmp_path / "mine" / "file", folder):
        with pytest.raises(InputError, match="is there already; write a new folder"):
            write_repository(folder, target)
    assert files(tmp_path / "mine") == {"file"}
    (tmp_path / "empty").mkdir()
    write_repository(folder, tmp_path / "empty")
    assert (tmp_path / "empty" / "manifest.json").is_file()


def test_a_damaged_model_leaves_nothing_behind(folder, tmp_path):
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "decoder.onnx").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"decoder\.onnx"):
        write_repository(folder, tmp_path / "out" / "repository")
    assert not (tmp_path / "out").exists()


def test_a_model_that_misses_its_golden_vectors_leaves_nothing_behind(tmp_path, monkeypatch):
    from vae_export.serving import repository as serving

    model = LinearGaussian.make().write(tmp_path / "model")
    usual = serving.verify

    def off(*arguments, **more):
        report = usual(*arguments, **more)
        return report._replace(tensors=[check._replace(difference=1e9) for check in report.tensors])

    monkeypatch.setattr(serving, "verify", off)
    with pytest.raises(ExportError, match="does not reproduce its golden vectors"):
        write_repository(model, tmp_path / "out" / "repository")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    usual, synced = os.fsync, []

    def full(handle):
        synced.append(handle)
        if len(synced) == 7:  # two syncs a file: its content, and the folder that it is in
            raise OSError(28, "No space left on device")
        usual(handle)

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError, match="No space left"):
        write_repository(folder, tmp_path / "out" / "repository")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_takes_a_model_folder_or_a_run(folder, tmp_path, monkeypatch):
    from vae_export import pipeline as exporting

    result = CliRunner().invoke(main, ["export", str(folder), str(tmp_path / "a"), "--layout", "triton"])
    assert result.exit_code == 0 and manifests.read(tmp_path / "a").digest in result.output
    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setattr(exporting, "export", lambda run, target, license: shutil.copytree(folder, target))
    arguments = [str(run), str(tmp_path / "b"), "--layout", "triton", "--storage-uri", "s3://bucket/b"]
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == 0, result.output
    assert files(tmp_path / "b") == files(tmp_path / "a")
    assert 'storageUri: "s3://bucket/b"  #' in (tmp_path / "b" / "kserve.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--storage-uri", "s3://x"], "--storage-uri is of --layout triton"),
        (["--layout", "triton", "--int8"], "export that first, then lay it out"),
    ],
)
def test_options_of_the_other_layout_are_refused(folder, tmp_path, options, said):
    result = CliRunner().invoke(main, ["export", str(folder), str(tmp_path / "out"), *options])
    assert result.exit_code == 2 and said in result.output
    assert not (tmp_path / "out").exists()


def test_laying_out_a_model_needs_no_torch(root):
    code = "import sys, vae_export.serving.repository; sys.exit(not {'torch', 'tritonclient'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
