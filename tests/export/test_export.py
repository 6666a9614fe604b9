"""The exported pair: equal to torch, the same bytes each time, and nothing that the format forbids."""

import copy
import dataclasses
import json
import os
import shutil

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from vae_export import run_source, steps
from vae_export.checks.parity import GREATEST, TENSORS, Parity, compare, largest, require_parity
from vae_export.checks.torch_numbers import torch_numbers
from vae_export.errors import ExportError
from vae_export.graphs.finishing import check_graph
from vae_export.pipeline import export
from vae_export.torch_side import TorchSide
from vae_train.checkpoint import BEST, Checkpoint, load_model, read_config, save

from vae_runtime import VAE, InputError, standard_normal
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.model.shapes import OPERATORS
from vae_runtime.model.writing import write_model

pytestmark = pytest.mark.usefixtures("operators_read_once")
MODELS = ["mnist", "mnist-mlp", "mnist-2d"]


@pytest.fixture(params=MODELS)
def artifact(request, root):
    return root / "artifacts" / request.param


@pytest.fixture(scope="module")
def small(root):
    """The checkpoint that exports fastest."""
    return root / "artifacts" / "mnist-2d" / "checkpoint"


def graphs(folder):
    return {role: onnx.load(folder / f"{role}.onnx") for role in ("encoder", "decoder")}


def test_a_shipped_model_equals_its_torch_checkpoint(artifact):
    model, config = load_model(artifact / "checkpoint")
    differences = compare(TorchSide.of_run(model, config), VAE.load(artifact, threads=1))
    require_parity(differences)
    assert {item.tensor for item in differences} == set(TENSORS)
    for name, item in largest(differences).items():
        assert item.ours <= 4 * item.torchs + 1e-7, f"{name} is {item.ours}, torch's {item.torchs}"
        assert item.ours > 0 or name == "z"  # float32 sums are never those of float64


def test_the_bounds_equal_torchs_with_the_same_noise(artifact):
    model, config = load_model(artifact / "checkpoint")
    images = TorchSide.of_run(model, config).likely_images(40)
    numbers, bound = (
        torch_numbers(TorchSide.of_run(model, config), images, draws=16, methods=()),
        VAE.load(artifact).elbo(images, samples=16),
    )
    for name in ("log_likelihood", "kl", "iwae"):
        np.testing.assert_allclose(getattr(bound, name), getattr(numbers, name), atol=1e-3, rtol=0)


def test_exporting_a_shipped_checkpoint_again_gives_the_same_graphs(artifact, tmp_path):
    target = tmp_path / artifact.name
    export(artifact / "checkpoint", target)
    again, shipped = manifests.read(target), manifests.read(artifact)
    assert again.graphs == shipped.graphs and again.pair_id == shipped.pair_id
    assert again.training == shipped.training
    assert read_config(target / "checkpoint") == read_config(artifact / "checkpoint")
    for name in ("model.safetensors", "evaluation.json"):
        assert (target / "checkpoint" / name).read_bytes() == (artifact / "checkpoint" / name).read_bytes()


def test_onnxs_own_reference_agrees_with_the_runtime(artifact):
    vae = VAE.load(artifact, threads=1)
    z = standard_normal(2, vae.latent_size, seed=0)
    reference = {role: onnx.reference.ReferenceEvaluator(graph) for role, graph in graphs(artifact).items()}
    images = reference["decoder"].run(None, {"z": z})[0]
    np.testing.assert_allclose(vae.decode(z), images, atol=1e-5)
    mean, logvar = reference["encoder"].run(None, {"images": images})
    posterior = vae.encode(images)
    np.testing.assert_allclose(posterior.mean, mean, atol=1e-4)
    np.testing.assert_allclose(posterior.logvar, logvar, atol=1e-4)


def test_the_graphs_are_what_the_format_says(artifact):
    manifest = manifests.read(artifact)
    for role, graph in graphs(artifact).items():
        check_graph(graph, role)
        assert graph.ir_version == 8
        assert [(item.domain, item.version) for item in graph.opset_import] == [("", 18)]
        for value in (*graph.graph.input, *graph.graph.output):
            assert value.type.tensor_type.elem_type == TensorProto.FLOAT
            assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
        metadata = {item.key: item.value for item in graph.metadata_props}
        assert metadata["vae.role"] == role and metadata["vae.pair_id"] == manifest.pair_id
        assert metadata["Image.BitmapPixelFormat"] == "Gray8"
        assert metadata["Image.NominalPixelRange"] == "Normalized_0_1"
        for node in graph.graph.node:
            assert node.op_type in OPERATORS and not node.doc_string and not node.metadata_props


def test_nothing_of_the_machine_is_in_an_artifact(artifact, root):
    for path in artifact.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (str(root), os.path.expanduser("~"), "site-packages", "stack_trace"):
                assert word == "/" or word.encode() not in content, f"{path.name} holds {word}"


def test_the_card_tells_the_figures_of_the_manifest(artifact):
    text, training = (artifact / "README.md").read_text(), manifests.read(artifact).training
    for key in ("elbo_nats", "nll_nats", "log_likelihood_nats", "kl_nats"):
        assert f"| {training[key]:.2f} |" in text
    assert f"{training['parameters']:,} parameters" in text
    assert training["test_images"] == 10_000 and training["nll_draws"] == 1000 and training["train_images"] == 60_000


def decoder(*nodes, weights=None, opset=18, functions=(), domain=""):
    """A graph z -> images of these nodes."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("z", "images")]
    tensors = [numpy_helper.from_array(weight, name) for name, weight in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", values[:1], values[1:], tensors)
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)


def test_a_plain_graph_passes():
    check_graph(decoder(helper.make_node("Relu", ["z"], ["images"])), "decoder")


def test_a_random_operator_is_refused():
    node = helper.make_node("RandomNormalLike", ["z"], ["images"])
    with pytest.raises(ExportError, match="holds RandomNormalLike"):
        check_graph(decoder(node), "decoder")


def test_a_subgraph_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Relu", ["z"], ["b"])], "b", [], [helper.make_tensor_value_info("b", 1, ["batch", 2])]
    )
    node = helper.make_node("If", ["yes"], ["images"], then_branch=branch, else_branch=branch)
    with pytest.raises(ExportError, match="holds If"):
        check_graph(decoder(node, weights={"yes": np.array(True)}), "decoder")


def test_a_foreign_domain_is_refused():
    with pytest.raises(ExportError, match="outside ONNX's own domain"):
        check_graph(decoder(helper.make_node("Relu", ["z"], ["images"]), domain="com.example"), "decoder")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused(number):
    nodes = [helper.make_node("Add", ["z", "w"], ["images"])]
    with pytest.raises(ExportError, match="weight w of the decoder holds NaN or infinity"):
        check_graph(decoder(*nodes, weights={"w": np.array([0, number], np.float32)}), "decoder")


def test_a_local_path_is_refused():
    graph = decoder(helper.make_node("Relu", ["z"], ["images"], doc_string="/home/somebody/model.py line 7"))
    with pytest.raises(ExportError, match="names a path of this machine"):
        check_graph(graph, "decoder")


def test_weights_in_another_file_are_refused():
    graph = decoder(helper.make_node("Add", ["z", "w"], ["images"]), weights={"w": np.zeros(2, np.float32)})
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    with pytest.raises((ExportError, onnx.checker.ValidationError)):
        check_graph(graph, "decoder")


def test_the_limit_is_a_margin_over_torchs_own_error_and_has_an_end():
    assert Parity("mean", "x", 0, 0).limit == pytest.approx(80 * 2**-24)
    assert Parity("mean", "x", 0, 1e-4).limit == pytest.approx(8e-4)
    assert Parity("mean", "x", 0, 1.0).limit == GREATEST


@pytest.mark.parametrize("name", TENSORS)
def test_an_error_beyond_its_limit_is_refused_with_probe_and_advice(name):
    for ours in (8.1e-4, float("nan")):
        with pytest.raises(
            ExportError, match=rf"for draws, {name} lies .* 1.0e-04 and 8.0e-04 is allowed. Export with"
        ):
            require_parity([Parity(name, "draws", ours, 1e-4)])
    with pytest.raises(ExportError, match=r"not determined in float32: for draws.*lower learning rate"):
        require_parity([Parity(name, "draws", 0.5, 0.3)])
    require_parity([Parity(name, "draws", 8e-4, 1e-4)])


def test_a_model_that_differs_from_torch_leaves_nothing_behind(small, tmp_path, monkeypatch):
    usual = steps.export_graphs

    def wrong(functions, **more):
        other = copy.deepcopy(functions)
        with torch.no_grad():
            other["decoder"].module.body[0].bias += 0.01
        return usual(other, **more)

    monkeypatch.setattr(steps, "export_graphs", wrong)
    with pytest.raises(ExportError, match=r"for draws from the prior, images lies"):
        export(small, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_leave_nothing_behind(small, tmp_path):
    model, config = load_model(small)
    with torch.no_grad():
        model.encoder[1].weight[0, 0] = float("nan")
    (tmp_path / "run").mkdir()
    save(tmp_path / "run" / BEST, Checkpoint(dict(model.state_dict()), {}))
    (tmp_path / "run" / "config.json").write_text(config.to_json())
    with pytest.raises(ExportError, match="NaN or infinity"):
        export(tmp_path / "run", tmp_path / "model")
    assert os.listdir(tmp_path) == ["run"]


def test_an_export_replaces_an_older_model(small, root, tmp_path):
    target = shutil.copytree(root / "artifacts" / "mnist-mlp", tmp_path / "mnist-2d")
    assert VAE.load(target).latent_size == 20
    before = {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}

    def search(*_):
        raise AssertionError("the refusal comes before the long work")

    with pytest.raises(InputError, match=r"'mnist-mlp' \([0-9a-f]{16}\), and 'mnist-2d' \([0-9a-f]{16}\)") as refusal:
        export(small, target, int8=search)
    assert f"to keep both, vae export {small} {target}-2; to replace it, add --replace" in str(refusal.value)
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == before
    export(small, target, replace=True)
    export(small, target)  # the same weights again
    assert VAE.load(target).latent_size == 2
    manifest = manifests.read(target)
    names = {path.name for path in target.iterdir()} - {"checkpoint"}
    assert names == {"manifest.json", *(file.file for file in manifest.files)}


def test_a_place_that_is_taken_is_refused_before_the_work(small, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        export(small, tmp_path / "file")
    with pytest.raises(InputError, match="holds no model"):
        export(small, tmp_path)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_model_that_cannot_be_read_is_refused_before_the_work(small, tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text('{"format": "vae-onnx", "for')
    monkeypatch.setattr(run_source, "load_model", None)
    with pytest.raises(InputError, match=r"holds a model that cannot be read .* or add --replace"):
        export(small, tmp_path)


def test_a_checkpoint_folder_that_no_export_wrote_is_not_written_into(small, root, tmp_path):
    model = shutil.copytree(root / "artifacts" / "mnist-2d", tmp_path / "model")
    (model / "checkpoint" / "config.json").write_text('{"architectures": ["BertModel"]}')
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="is not the checkpoint of an export"):
        export(small, model)
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == before


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    result = CliRunner().invoke(main, ["export", str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("vae: error: config.json is not the config of a run")
    assert result.stderr.count("\n") == 1


def test_golden_vectors_are_made_of_the_models_own_samples(artifact):
    from vae_runtime.model.golden import read_golden

    golden = read_golden(artifact, manifests.read(artifact), "float32")
    assert golden.images.shape[0] == 8
    np.testing.assert_array_equal(golden.images, np.rint(golden.images * 255).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(golden.eps, standard_normal(8, golden.eps.shape[1], seed=0))
    assert json.loads((artifact / "manifest.json").read_text())["golden"]["float32"]["tolerance"]["mean"] == 1e-4


def test_exporting_the_same_weights_again_keeps_their_calibration(small, root, tmp_path):
    model = shutil.copytree(root / "artifacts" / "mnist-2d", tmp_path / "model")
    manifest = manifests.read(model)
    contents = {file.file: (model / file.file).read_bytes() for file in manifest.files}
    write_model(model, dataclasses.replace(manifest, calibration={"elbo": (1.0, 2.0)}), contents)
    export(small, model)
    assert manifests.read(model).calibration == {"elbo": (1.0, 2.0)}
    export(root / "artifacts" / "mnist-mlp" / "checkpoint", model, replace=True)
    assert manifests.read(model).calibration == {}
