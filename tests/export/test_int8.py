"""8-bit graphs: what is integer and what is not, what they cost, and when there are none."""

import dataclasses
import pickle
import re
import shutil

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper
from vae_export.draft import ExportRequest
from vae_export.errors import ExportError
from vae_export.int8 import search as searching
from vae_export.int8.cost import Cost, cost, held_out_images
from vae_export.int8.graphs import float32_graphs, quantised
from vae_export.int8.limits import Limits, limits_for
from vae_export.int8.pictures import Pictures
from vae_export.int8.quantise import activation_ranges, layers, logit_nodes, quantise
from vae_export.int8.recipe import FILE as RECIPE
from vae_export.int8.recipe import Recipe
from vae_export.int8.search import find_recipe
from vae_export.pipeline import export
from vae_export.steps import add_golden_vectors, add_graphs, begin
from vae_train.checkpoint import BEST, Checkpoint, load_model, save
from vae_train.config import conv
from vae_train.data.datasets import digits
from vae_train.models.networks import build

from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError
from vae_runtime.checks.verify import verify
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.model.shapes import OPERATORS

pytestmark = pytest.mark.usefixtures("operators_read_once")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A little conv run whose weights are drawn, not trained, with a flow: all kinds of nodes that there are."""
    run = tmp_path_factory.mktemp("run")
    sizes = {"widths": (8, 12), "blocks": 1, "latent_size": 6, "flow_width": 8, "flow_layers": 2}
    config = dataclasses.replace(conv(), data="digits", **sizes)
    model = build(config, torch.device("cpu"))
    for name, parameter in model.named_parameters():
        if "conv_2" in name:
            torch.nn.init.normal_(parameter, 0, 0.2)
    save(run / BEST, Checkpoint(dict(model.state_dict()), {}))
    (run / "config.json").write_text(config.to_json())
    return run


def by_own_samples(draft):
    """A recipe without data or timing."""
    graphs = float32_graphs(draft)
    with draft.opened() as vae:
        images = vae.sample(64, seed=0)
        inputs = {"encoder": images, "decoder": vae.encode(images).mean}
    ranges = {role: activation_ranges(graphs[role], array) for role, array in inputs.items()}
    return Recipe(ranges, {"encoder": (), "decoder": tuple(logit_nodes(graphs["decoder"]))}, {"elbo_loss_nats": 0.01})


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    export(run, folder, int8=by_own_samples)
    return folder


def test_the_folder_holds_both_and_each_verifies(folder):
    manifest = manifests.read(folder)
    assert manifest.precisions == ("float32", "int8")
    assert {role for role, graph in manifest.graphs.items() if "int8" in graph} == {"encoder", "decoder"}
    assert manifests.parse(manifest.to_json()) == manifest
    assert manifest.training["int8_elbo_loss_nats"] == 0.01
    for precision in manifest.precisions:
        assert verify(folder, providers="cpu", threads=None, precision=precision).passed


def test_the_inside_is_integer_and_the_boundary_and_the_logits_are_not(folder):
    for role in ("encoder", "decoder"):
        graph = onnx.load(folder / f"{role}.int8.onnx")
        assert {node.op_type for node in graph.graph.node} <= OPERATORS
        for value in (*graph.graph.input, *graph.graph.output):
            assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
        makers = {name: node for node in graph.graph.node for name in node.output}
        for node in graph.graph.node:
            if node.op_type in ("Conv", "Gemm"):
                is_last = node.name == layers(graph)[-1] and role == "decoder"
                made = makers.get(node.input[1])
                assert (made is None) == is_last, node.name
                if made is not None:
                    integers = weights[made.input[0]]
                    assert integers.dtype == np.int8 and 32 < np.abs(integers).max() <= 64  # seven bits
        metadata = {item.key: item.value for item in graph.metadata_props}
        assert metadata["vae.precision"] == "int8" and metadata["vae.role"] == role


def test_int8_images_are_near_and_no_batch_or_thread_moves_them(folder):
    float32, int8 = VAE.load(folder, threads=1), VAE.load(folder, precision="int8", threads=1)
    images = float32.sample(20, seed=0)
    drawn = int8.sample(20, seed=0)
    assert 0 < np.abs(drawn - images).max() < 0.1
    scores = int8.score(images)
    np.testing.assert_allclose(scores, float32.score(images), rtol=0.02)
    for threads, batch_size in ((1, 1), (2, 7)):
        other = VAE.load(folder, precision="int8", threads=threads)
        np.testing.assert_array_equal(other.sample(20, seed=0, batch_size=batch_size), drawn)
        np.testing.assert_array_equal(other.score(images, batch_size=batch_size), scores)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(int8)).sample(20, seed=0), drawn)


def test_a_checkpoint_carries_its_recipe_and_gives_the_same_graphs_without_data(folder, tmp_path):
    assert (folder / "checkpoint" / RECIPE).exists()
    export(folder / "checkpoint", tmp_path / "small")
    assert manifests.read(tmp_path / "small").graphs == manifests.read(folder).graphs
    (tmp_path / RECIPE).write_text('{"ranges": 1}')
    with pytest.raises(InputError, match=r"no recipe for int8 .* --int8 again"):
        Recipe.read(tmp_path / RECIPE)


def test_a_recipe_of_another_graph_is_refused(folder):
    graph = onnx.load(folder / "encoder.onnx")
    with pytest.raises(ExportError, match="conv_99 in float32"):
        quantise(graph, {}, ("conv_99",))


def test_a_model_without_int8_says_what_it_has(tmp_path):
    LinearGaussian.make().write(tmp_path / "small")
    with pytest.raises(InputError, match=r"no graphs of precision 'int8'; it has float32"):
        VAE.load(tmp_path / "small", precision="int8")
    result = CliRunner().invoke(main, ["verify", "-m", str(tmp_path / "small"), "--precision", "int8"])
    assert result.exit_code == 2 and "it has float32" in result.output


@pytest.fixture(scope="module")
def draft(run, tmp_path_factory):
    """A draft that can be opened: of float32 graphs and their golden vectors."""
    request = ExportRequest(run, tmp_path_factory.mktemp("drafts") / "small", "Apache-2.0")
    return add_golden_vectors(add_graphs(begin(request)))


@pytest.fixture(scope="module")
def search(draft):
    config, usual = draft.source.config, digits()
    return lambda dataset=usual, **options: find_recipe(draft, Pictures.of_dataset(dataset, config), **options)


def test_the_model_that_a_search_measures_is_one_that_pickles(draft):
    """It was put together of another model's parts, and pickled as no model at all."""
    recipe = by_own_samples(draft)
    with quantised(draft, recipe).opened(precision="int8", threads=1) as int8, draft.opened(threads=1) as float32:
        again = pickle.loads(pickle.dumps(int8))
        np.testing.assert_array_equal(again.sample(5, seed=0), int8.sample(5, seed=0))
        assert (again.sample(5, seed=0) != float32.sample(5, seed=0)).any()


def test_the_search_spares_the_costly_layers(search, monkeypatch):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"decode": 1.5})
    said = []
    easy = search(limits=Limits(loss=100.0), say=said.append)
    assert easy.float32["encoder"] == () and len(easy.float32["decoder"]) >= 1
    assert easy.measured["decode_speedup_batch_64"] == 1.5
    loss = float(re.search(r"all layers loses (.*) nats", said[0])[1])
    assert abs(loss) > 1e-4
    strict = search(limits=Limits(loss=loss / 2), say=said.append)
    assert float(re.search(r"in float32 it loses (.*) nats", said[-4])[1]) <= loss / 2
    assert sum(map(len, strict.float32.values())) > sum(map(len, easy.float32.values()))


@pytest.mark.parametrize(
    ("limits", "speed", "words"),
    [
        (
            Limits(loss=-100.0),
            2.0,
            r"int8 loses .* nats and -100 are allowed \(--int8-loss\); the layers that cost most",
        ),
        (Limits(loss=100.0, psnr=200.0), 2.0, r"dB of float32's; 200 are asked for"),
        (
            Limits(loss=100.0),
            0.9,
            r"int8 decode at batch 1 has 0.90 times the speed of float32 on this machine: it would .* win nothing",
        ),
    ],
)
def test_int8_that_loses_too_much_or_wins_nothing_is_refused(search, monkeypatch, limits, speed, words):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"encode": speed, "decode": speed})
    with pytest.raises(ExportError, match=words):
        search(limits=limits)


@pytest.mark.parametrize(("slow", "stays"), [("decode", "encoder"), ("encode", "decoder")])
def test_a_graph_that_is_no_faster_stays_float32_alone(search, draft, monkeypatch, slow, stays):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"encode": 1.5, "decode": 1.5} | {slow: 0.9})
    said = []
    recipe = search(limits=Limits(loss=100.0), say=said.append)
    assert set(recipe.float32) == set(recipe.ranges) == {stays}
    verb = {"encoder": "encode", "decoder": "decode"}[stays]
    assert {name for name in recipe.measured if "speedup" in name} == {f"{verb}_speedup_batch_{n}" for n in (1, 64)}
    assert any("stays float32, for 8 bits are no faster" in text for text in said)
    with quantised(draft, recipe).opened(precision="int8") as int8, draft.opened() as float32:
        z, images = float32.encode(float32.sample(3, seed=0)).mean, float32.sample(3, seed=0)
        assert (int8.decode(z) == float32.decode(z)).all() == (stays == "encoder")
        assert (int8.encode(images).mean == float32.encode(images).mean).all() == (stays == "decoder")


def test_what_int8_costs_is_measured_on_test_images_that_chose_nothing(search, run, folder, monkeypatch):
    """It was measured on the very training images that had chosen the layers, and README said test images."""
    monkeypatch.setattr(searching, "speedups", lambda *models: {"decode": 1.5})
    data, said = digits(), []
    black = data._replace(test_images=np.zeros_like(data.test_images))
    quantised, other = (
        search(limits=Limits(loss=100.0), say=said.append),
        search(limits=Limits(loss=100.0), dataset=black),
    )
    assert quantised.float32 == other.float32 and quantised.ranges == other.ranges
    assert quantised.measured["elbo_loss_nats"] != other.measured["elbo_loss_nats"]
    assert (
        quantised.measured["test_images"] == len(data.test_images)
        and f"On {len(data.test_images)} test images" in said[-1]
    )
    by_hand = held_out_images(data, load_model(run)[1])
    assert set(np.unique(by_hand)) == {0, 1}  # binarised once, as they are evaluated
    float32, int8 = (VAE.load(folder, precision=precision, threads=1) for precision in ("float32", "int8"))
    known = cost(float32, int8, by_hand)
    lost = float32.elbo(by_hand).log_likelihood - float32.elbo(by_hand).kl
    lost -= int8.elbo(by_hand).log_likelihood - int8.elbo(by_hand).kl
    assert known.loss == pytest.approx(lost.mean()) and known.images == len(by_hand)
    assert known.standard_error == pytest.approx(lost.std(ddof=1) / np.sqrt(len(lost)))
    squares = np.mean((float32.reconstruct(by_hand) - int8.reconstruct(by_hand)) ** 2)
    assert known.psnr == pytest.approx(-10 * np.log10(squares))


def test_int8_that_loses_too_much_on_test_images_is_refused_where_that_is_sure(search, monkeypatch):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"decode": 1.5})
    for error, refused in ((0.1, True), (0.4, False)):
        cost = Cost(100.7, error, 40.0, 50)
        monkeypatch.setattr(searching, "cost_of", lambda *models, cost=cost: cost)
        if refused:
            with pytest.raises(
                ExportError, match=r"int8 loses 100.70 nats on test images, which chose nothing, and 100 "
            ):
                search(limits=Limits(loss=100.0))
        else:
            assert search(limits=Limits(loss=100.0)).measured["elbo_loss_nats"] == 100.7


def test_the_card_says_on_which_images_int8_was_measured(root, folder):
    assert "nats of the ELBO lost" not in (folder / "README.md").read_text()  # no speed was measured
    for name in ("mnist", "mnist-mlp", "mnist-2d", "mnist-conditional"):
        model = root / "artifacts" / name
        assert "on 10,000 test images, which gave no range and chose no layer" in (model / "README.md").read_text()
        training = manifests.read(model).training
        assert training["int8_test_images"] == 10_000 and training["int8_elbo_loss_nats"] < 0.2
        measured = Recipe.read(model / "checkpoint" / RECIPE).measured
        assert {f"int8_{key}": figure for key, figure in measured.items()}.items() <= training.items()
        rows = [line for line in (root / "README.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
        assert len(rows) == (name != "mnist-conditional")
        assert all(row.endswith(f"| {training['int8_elbo_loss_nats']:.2f} |") for row in rows)


def test_a_refused_int8_leaves_nothing_behind(root, tmp_path):
    def refuse(draft):
        raise ExportError("no")

    with pytest.raises(ExportError):
        export(root / "artifacts" / "mnist-2d" / "checkpoint", tmp_path / "model", int8=refuse)
    assert not (tmp_path / "model").exists()


def test_the_manifest_needs_golden_vectors_for_each_precision(folder):
    manifest = manifests.read(folder)
    one = dataclasses.replace(manifest, golden={"float32": manifest.golden["float32"]})
    with pytest.raises(manifests.ManifestError, match="lacks the key 'int8'"):
        manifests.parse(one.to_json())
    graphs = {role: {"float32": graph["float32"]} for role, graph in manifest.graphs.items()}
    with pytest.raises(manifests.ManifestError, match="unknown key 'int8'"):
        manifests.parse(dataclasses.replace(manifest, graphs=graphs).to_json())


@pytest.mark.parametrize("count", [2, 7, 60])
def test_few_pictures_are_divided_between_ranges_and_measuring(search, monkeypatch, count):
    """With fewer than were wanted for ranges alone, nothing was left to measure: the loss was NaN and passed."""
    few = digits()._replace(train_images=digits().train_images[:count])
    sizes = []
    monkeypatch.setattr(searching, "speedups", lambda slow, fast, images: sizes.append(len(images)) or {"decode": 1.5})
    quantised = search(limits=Limits(loss=100.0, psnr=0.0), dataset=few)
    assert np.isfinite(quantised.measured["elbo_loss_nats"]) and sizes == [1, 64]


def test_an_export_goes_on_without_int8_that_wins_nothing(tmp_path, run, monkeypatch):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"encode": 0.9, "decode": 0.9})
    result = CliRunner().invoke(main, ["export", str(run), str(tmp_path / "model"), "--int8", "--int8-loss", "100"])
    assert result.exit_code == 0, result.output
    assert "No 8-bit graphs: int8 decode at batch 1 has 0.90 times the speed" in result.output
    assert manifests.read(tmp_path / "model").precisions == ("float32",)


def test_an_export_says_that_it_drops_8_bit_graphs_that_the_folder_had(folder, run, tmp_path):
    there = shutil.copytree(folder, tmp_path / "small")
    result = CliRunner().invoke(main, ["export", str(run), str(there)])
    assert result.exit_code == 0, result.output
    assert f"The 8-bit graphs that {there} had are gone; --int8 makes new ones.\n" in result.stdout
    assert manifests.read(there).precisions == ("float32",) and not (there / "checkpoint" / RECIPE).exists()


def test_a_density_may_lose_a_hundredth_of_a_bit_for_each_number(root, tmp_path):
    density = manifests.read(LinearGaussian.make().write(tmp_path / "model"))
    density = dataclasses.replace(density, image=dataclasses.replace(density.image, shape=(3, 64, 64), mode="RGB"))
    assert limits_for(density, None).loss == pytest.approx(0.01 * np.log(2) * 12288, abs=0.01)
    binary = manifests.read(root / "artifacts" / "mnist")
    assert limits_for(binary, None).loss == 0.2 and limits_for(density, 3.0).loss == 3.0
