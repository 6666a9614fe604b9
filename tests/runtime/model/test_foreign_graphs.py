"""Sound ONNX of other exporters is refused as what it is, not as damage; damage is not called another exporter's."""

import dataclasses
import io
import warnings

import onnx
import pytest
from onnx import helper

from tests.support.hostile_graphs import broken_bytes
from vae_runtime import VAE
from vae_runtime.errors import IntegrityError
from vae_runtime.model import manifest as manifests
from vae_runtime.model.fields import FOREIGN, REFUSED, SCHEMA
from vae_runtime.model.integrity import read_file
from vae_runtime.model.wire import ForeignError, WireError, producer, read_message
from vae_runtime.model.writing import describe, write_model

torch = pytest.importorskip("torch")


class Decoder(torch.nn.Module):
    """A decoder of 2 latents to images of 2x3, as anybody may write it."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 6)

    def forward(self, z):
        return torch.sigmoid(self.linear(z)).reshape(-1, 1, 2, 3)


@pytest.fixture(scope="module")
def foreign(operators_read_once):
    """The bytes of torch's two exporters, by their argument `dynamo`."""
    graphs = {}
    for dynamo in (True, False):
        buffer = io.BytesIO()
        names = {"input_names": ["z"], "output_names": ["images"], "dynamo": dynamo}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            axes = {"dynamic_shapes": {"z": {0: "batch"}}} if dynamo else {"dynamic_axes": {"z": {0: "batch"}}}
            torch.onnx.export(Decoder().eval(), (torch.zeros(2, 2),), buffer, **names, **axes)
        graphs[dynamo] = buffer.getvalue()
    return graphs


def put(folder, content, role="decoder", *, listed):
    """Another graph in the place of a model's own, the manifest's checksum made to fit or not."""
    manifest = manifests.read(folder)
    file = manifest.graphs[role]["float32"]
    if not listed:
        (folder / file.file).write_bytes(content)
        return folder
    contents = {item.file: read_file(folder, item) for item in manifest.files} | {file.file: content}
    graphs = {**manifest.graphs, role: {"float32": describe(file.file, content)}}
    write_model(folder, dataclasses.replace(manifest, graphs=graphs), contents)
    return folder


def refusal(folder):
    with pytest.raises(IntegrityError) as error:
        VAE.load(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "legacy"])
@pytest.mark.parametrize("listed", [True, False], ids=["checksum made to fit", "as it is"])
def test_a_graph_of_torch_in_the_place_of_ours_is_told_how_models_are_made(folder, foreign, dynamo, listed):
    told = refusal(put(folder, foreign[dynamo], listed=listed))
    assert "of another exporter ('pytorch')" in told and "vae export RUN MODEL" in told
    assert "ownload" not in told and "unknown field" not in told and "damaged" not in told


def test_what_torch_writes_is_named_as_onnx_knows_it(foreign):
    with pytest.raises(ForeignError, match="NodeProto has metadata_props, which is ONNX, but not of this format"):
        read_message(foreign[True])


def test_a_graph_without_stamps_is_not_called_one_of_another_model(folder):
    manifest = manifests.read(folder)
    graph = onnx.load_from_string(read_file(folder, manifest.graphs["decoder"]["float32"]))
    del graph.metadata_props[:]
    told = refusal(put(folder, graph.SerializeToString(), listed=True))
    assert (
        "its metadata has no vae.format_version, vae.role, vae.pair_id" in told and "Copy the whole folder" not in told
    )


def test_a_graph_of_ours_that_another_tool_changed_is_not_told_to_be_copied_again(folder):
    manifest = manifests.read(folder)
    graph = onnx.load_from_string(read_file(folder, manifest.graphs["decoder"]["float32"]))
    graph.producer_name = "vae-runtime"
    graph.graph.node[0].metadata_props.add(key="seen", value="yes")
    told = refusal(put(folder, graph.SerializeToString(), listed=True))
    assert "NodeProto has metadata_props" in told and "This project's exporter writes no such graph" in told
    assert "ownload" not in told


def test_damage_is_told_to_be_copied_again(folder):
    manifest = manifests.read(folder)
    content = read_file(folder, manifest.graphs["decoder"]["float32"])
    for name, damaged in broken_bytes(content).items():
        try:
            read_message(damaged)
        except ForeignError:
            pytest.fail(name)
        except WireError:
            assert "Copy or download" in refusal(put(folder, damaged, listed=True)), name
            put(folder, content, listed=True)


def test_every_field_of_onnx_is_ours_or_foreign_and_no_other_is():
    known = {}

    def walk(descriptor):
        known[descriptor.name] = {field.number: field.name for field in descriptor.fields}
        for inner in descriptor.nested_types:
            walk(inner)

    for message in onnx.onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values():
        walk(message)
    for kind, fields in SCHEMA.items():
        ours = {number: field.name for number, field in fields.items()}
        assert not ours.keys() & FOREIGN.get(kind, {}).keys()
        assert known[kind] == ours | FOREIGN.get(kind, {})
    assert all(number in FOREIGN[kind] for kind, number in REFUSED)


def test_who_made_a_graph_is_read_from_its_first_fields_and_nothing_else(foreign):
    assert producer(foreign[True]) == producer(foreign[False]) == "pytorch"
    model = helper.make_model(helper.make_graph([], "g", [], []), producer_name="x" * 999)
    assert producer(model.SerializeToString()) == "x" * 999
    for content in (b"", b"\x08", b"\x12\xff", b"<html>", b"PK\3\4", b"\x12\x02\xff\xff", bytes(100), b"\xff" * 100):
        assert producer(content) == ""
