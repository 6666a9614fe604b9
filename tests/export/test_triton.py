"""What Triton reads in a repository: by its own schema, beside the graphs, and walked step by step with onnxruntime."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from vae_export.serving.repository import write_repository

from fuzz.engines.portability import ENGINES, differences
from fuzz.servers.serving import foreign_graphs, open_graphs, read_configs, rows
from fuzz.servers.serving import main as comparison
from vae_runtime import VAE, standard_normal
from vae_runtime.model import manifest as manifests
from vae_runtime.model.golden import read_golden
from vae_runtime.model.sessions import import_onnxruntime


@pytest.fixture
def schema():
    """Triton's own, strict."""
    return pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="tritonclient[grpc] has Triton's schema")


class Server:
    """What Triton does with a request, in a few lines: run a graph, or the steps of an ensemble by their maps."""

    def __init__(self, repository):
        self.configs, self.graphs = read_configs(repository), open_graphs(repository)

    def infer(self, model, feeds):
        config, tensors = self.configs[model], dict(feeds)
        if model in self.graphs:
            names = [output.name for output in config.output]
            results = self.graphs[model].run(names, tensors)
            return {own.name: array.reshape(-1, *own.dims) for own, array in zip(config.output, results, strict=True)}
        for step in config.ensemble_scheduling.step:
            given = self.infer(step.model_name, {own: tensors[name] for own, name in step.input_map.items()})
            for own, name in step.output_map.items():
                assert name not in tensors, "two tensors of an ensemble have one name"
                tensors[name] = given[own]
        return {output.name: tensors[output.name] for output in config.output}


@pytest.fixture(scope="module")
def server(served_model):
    pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="tritonclient[grpc] has Triton's schema")
    return Server(served_model[1])


def test_triton_parses_every_configuration_and_it_says_what_the_graph_says(served_model, schema):
    model, repository = served_model
    tensors = list(rows(repository))
    assert [row for row in tensors if not row.equal] == []
    names = {(row.model, row.direction, row.tensor) for row in tensors}
    for name, session in open_graphs(repository).items():  # and leaves out nothing that the graph has
        for direction, values in (("input", session.get_inputs()), ("output", session.get_outputs())):
            assert {(name, direction, value.name) for value in values} <= names
    flow = manifests.read(model).prior == "flow"
    assert len(tensors) == (15 if flow else 10)


def test_the_parsed_configuration_has_the_settings_of_the_guide(served_model, schema):
    _, repository = served_model
    configs = read_configs(repository)
    assert set(configs) == {path.name for path in repository.iterdir() if path.is_dir()}
    for name, config in configs.items():
        assert config.name == name and config.max_batch_size == 64
        chain = not (repository / name / "1" / config.default_model_filename).is_file()
        if chain:
            assert config.platform == "ensemble"
            assert {step.model_version for step in config.ensemble_scheduling.step} == {-1}
        else:
            assert config.backend == "onnxruntime" and config.HasField("dynamic_batching")
            assert config.dynamic_batching.max_queue_delay_microseconds == 0
            assert [group.kind for group in config.instance_group] == [schema.ModelInstanceGroup.KIND_CPU]
            assert config.parameters["intra_op_thread_count"].string_value == "1"


def test_the_guide_shows_the_table_that_the_command_prints(served_model, schema, root):
    model, repository = served_model
    result = CliRunner().invoke(comparison, [str(repository)])
    assert result.exit_code == 0, result.output
    if model.name == "mnist":
        *lines, _ = result.output.splitlines()
        assert "\n".join(lines) in (root / "docs" / "SERVING.md").read_text(encoding="utf-8")


def test_a_configuration_that_differs_and_a_foreign_graph_are_told(folder, schema, tmp_path):
    write_repository(folder, tmp_path / "served")
    config, graph = (tmp_path / "served" / "ppca_encoder" / name for name in ("config.pbtxt", "1/model.onnx"))
    config.write_text(config.read_text().replace("dims: [ 2 ]", "dims: [ 3 ]", 1))
    result = CliRunner().invoke(comparison, [str(tmp_path / "served")])
    assert result.exit_code == 1 and "9 tensors, 1 differ; 0 graphs" in result.output
    shutil.copy(tmp_path / "served" / "ppca_decoder" / "1" / "model.onnx", graph)
    assert foreign_graphs(tmp_path / "served") == ["ppca_encoder"]


def test_a_field_that_triton_does_not_know_is_an_error(served_model, schema, tmp_path):
    from google.protobuf.text_format import ParseError

    name = next(path.name for path in served_model[1].iterdir() if path.is_dir())
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.pbtxt").write_text(f'name: "{name}"\nmax_batch: 64\n')
    with pytest.raises(ParseError, match="max_batch"):
        read_configs(tmp_path)


def test_an_ensemble_samples_what_the_runtime_samples(served_model, server):
    model, _ = served_model
    vae, name = VAE.load(model, threads=1), manifests.read(model).name
    eps = standard_normal(5, vae.latent_size, seed=3)
    if vae.labels:  # the client places the noise: docs/FORMAT.md, section 6
        label = vae.manifest.labels[7]
        eps = np.float32(label.mean) + np.exp(np.float32(label.logvar) * np.float32(0.5)) * eps
    expected = vae.sample(5, seed=3, label=vae.labels[7] if vae.labels else None)
    answer = server.infer(f"{name}_sample", {"eps": eps})
    assert answer.keys() == {"images"}
    np.testing.assert_allclose(answer["images"], expected, atol=1e-6, rtol=0)


def test_an_ensemble_reconstructs_what_the_runtime_reconstructs(served_model, server):
    model, _ = served_model
    vae, name = VAE.load(model, threads=1), manifests.read(model).name
    images = read_golden(model, vae.manifest, "float32").images
    answer = server.infer(f"{name}_reconstruct", {"images": images})
    assert answer.keys() == {"reconstruction"}
    np.testing.assert_allclose(answer["reconstruction"], vae.reconstruct(images), atol=1e-6, rtol=0)


def test_log_prob_has_an_axis_of_its_own_for_clients(served_model, server):
    model, _ = served_model
    manifest = manifests.read(model)
    if manifest.prior == "flow":
        z = read_golden(model, manifest, "float32").z
        answer = server.infer(f"{manifest.name}_prior_log_prob", {"z": z})
        assert answer["log_prob"].shape == (len(z), 1) and answer["eps"].shape == z.shape


@pytest.mark.parametrize("engine", ["onnxruntime", "OpenVINO"])
def test_an_engine_gives_the_golden_vectors_of_the_served_graphs(served_model, engine):
    model, repository = served_model
    manifest = manifests.read(repository)

    def onnxruntime(content, feeds, outputs):
        session = import_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
        return session.run(outputs, feeds)

    run = onnxruntime
    if engine == "OpenVINO":
        pytest.importorskip("openvino")
        run = ENGINES["OpenVINO"][1]
    golden, tolerance = read_golden(model, manifest, "float32"), manifest.golden["float32"].tolerance
    apart = dict(differences(model, manifest, golden, "float32", run))
    assert {"mean", "logvar", "images"} <= apart.keys()
    for kind, difference in apart.items():
        assert difference <= tolerance[kind], f"{kind} differs by {difference}"
