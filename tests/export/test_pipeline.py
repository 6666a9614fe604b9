"""The steps of an export, one by one: what each adds to a draft, what it refuses, and that one alone writes."""

import dataclasses
import inspect
import io
import os
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from vae_export import pipeline
from vae_export.draft import ExportRequest
from vae_export.errors import ExportError
from vae_export.graphs.finishing import finish
from vae_export.pipeline import STEPS, export
from vae_export.steps import begin, compare_with_torch, verify_all
from vae_train.data.datasets import digits

from vae_runtime import VAE, InputError, IntegrityError
from vae_runtime.model import manifest as manifests

pytestmark = pytest.mark.usefixtures("operators_read_once")


@pytest.fixture(scope="module")
def request_(root, tmp_path_factory):
    """An export of the checkpoint that exports fastest, which carries a recipe for int8 graphs, with data."""
    run = root / "artifacts" / "mnist-2d" / "checkpoint"
    few = digits()._replace(train_images=digits().train_images[:50], test_images=digits().test_images[:50])
    return ExportRequest(run, tmp_path_factory.mktemp("models") / "small", "MIT", dataset=few)


@pytest.fixture(scope="module")
def drafts(request_):
    """What each step gives, by its name, up to the one that writes; `begin` comes first."""
    drafts = {"begin": begin(request_)}
    for step in STEPS[:-1]:
        drafts[step.__name__] = step(list(drafts.values())[-1])
    assert not request_.folder.exists()
    return drafts


ADDED = {  # step -> files, fields of the manifest, fields of what `export` returns
    "add_graphs": ({"encoder.onnx", "decoder.onnx"}, {"pair_id", "graphs"}, set()),
    "require_place": (set(), set(), set()),
    "add_golden_vectors": ({"golden.npz"}, {"golden"}, set()),
    "compare_with_torch": (set(), {"golden"}, {"parity"}),  # the tolerance is what float32 leaves open
    "calibrate_scores": (set(), set(), set()),  # there is nothing to calibrate with
    "ask_for_anomalies": (set(), {"training"}, {"anomalies"}),
    "add_int8": (
        {"encoder.int8.onnx", "decoder.int8.onnx", "golden.int8.npz"},
        {"graphs", "golden", "training"},
        set(),
    ),
    "add_card": ({"README.md", "samples.png"}, {"card"}, set()),
    "verify_all": (set(), set(), {"bits"}),
}


def changed(before, after):
    """Names of the fields of two NamedTuples or dataclasses that are not the same object or equal."""
    fields = getattr(before, "_fields", None) or [field.name for field in dataclasses.fields(before)]
    return {name for name in fields if getattr(before, name) != getattr(after, name)}


def test_every_step_but_the_last_is_held_by_this_file():
    assert [step.__name__ for step in STEPS] == [*ADDED, "publish"]


@pytest.mark.parametrize("name", ADDED)
def test_a_step_adds_what_it_is_for_and_changes_nothing_else(drafts, name):
    names = list(drafts)
    before, after = drafts[names[names.index(name) - 1]], drafts[name]
    files, fields, findings = ADDED[name]
    assert set(after.contents) - set(before.contents) == files
    assert all(after.contents[file] == content for file, content in before.contents.items())
    assert changed(before.manifest, after.manifest) == fields
    assert changed(before.exported, after.exported) == findings


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_step_says_what_it_is_for_and_fits_on_a_screen(step):
    assert step.__doc__ and len(inspect.getsource(step).splitlines()) < 40


def test_an_export_takes_every_step_once_in_this_order(request_, monkeypatch):
    taken = []

    def recorded(step):
        def take(draft):
            taken.append(step.__name__)
            return draft

        return take

    monkeypatch.setattr(pipeline, "STEPS", [recorded(step) for step in STEPS])
    export(request_.origin, request_.folder)
    assert taken == [*ADDED, "publish"]


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
def test_nothing_is_left_behind_whichever_step_refuses(request_, drafts, monkeypatch, number):
    """All steps before it are done, on what they gave before."""
    done = iter(drafts.values())

    def refuse(draft):
        raise ExportError("no")

    next(done)
    steps = [lambda draft: next(done)] * number + [refuse] + list(STEPS[number + 1 :])
    monkeypatch.setattr(pipeline, "STEPS", steps)
    with pytest.raises(ExportError, match=r"^no$"):
        export(request_.origin, request_.folder)
    assert os.listdir(request_.folder.parent) == []


def test_what_is_published_is_the_draft_and_its_torch_side(drafts, tmp_path):
    draft = drafts["verify_all"]
    draft = dataclasses.replace(draft, request=dataclasses.replace(draft.request, folder=tmp_path / "small"))
    assert STEPS[-1](draft).exported == draft.exported
    assert manifests.read(tmp_path / "small") == dataclasses.replace(
        draft.manifest, digest=manifests.digest_of(tmp_path / "small")
    )
    for name, content in draft.contents.items():
        assert (tmp_path / "small" / name).read_bytes() == content
    there = {path.name for path in (tmp_path / "small" / "checkpoint").iterdir()}
    assert there == {"model.safetensors", "config.json", "evaluation.json", "int8.json"}


def test_a_folder_that_changes_while_a_draft_is_made_is_not_written_to(drafts, root, tmp_path):
    draft = drafts["verify_all"]
    shutil.copytree(root / "artifacts" / "mnist-2d", tmp_path / "small")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    draft = dataclasses.replace(draft, request=dataclasses.replace(draft.request, folder=tmp_path / "small"))
    with pytest.raises((IntegrityError, InputError)):
        STEPS[-1](draft)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_graphs_that_are_another_model_are_refused(drafts):
    draft = drafts["add_golden_vectors"]
    graph = onnx.load_from_string(draft.contents["decoder.onnx"])
    weights = next(tensor for tensor in graph.graph.initializer if len(tensor.dims) == 2)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(1.01), weights.name))
    content = finish(graph, "decoder", {item.key: item.value for item in graph.metadata_props})
    described = dataclasses.replace(draft.manifest.graphs["decoder"]["float32"], **facts(content))
    graphs = {**draft.manifest.graphs, "decoder": {"float32": described}}
    with pytest.raises(ExportError, match="the exported graphs are another model"):
        compare_with_torch(draft.extended({"decoder.onnx": content}, graphs=graphs))


def test_golden_vectors_that_the_runtime_does_not_reproduce_are_refused(drafts):
    draft = drafts["add_card"]
    arrays = dict(np.load(io.BytesIO(draft.contents["golden.npz"])))
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, "mean": arrays["mean"] + np.float32(1)})
    golden = draft.manifest.golden["float32"]
    golden = dataclasses.replace(golden, file=dataclasses.replace(golden.file, **facts(buffer.getvalue())))
    off = draft.extended({"golden.npz": buffer.getvalue()}, golden={**draft.manifest.golden, "float32": golden})
    with pytest.raises(ExportError, match="does not reproduce the float32 golden vectors"):
        verify_all(off)


def facts(content):
    from vae_runtime.model.writing import describe

    file = describe("any", content)
    return {"bytes": file.bytes, "sha256": file.sha256}


def test_a_draft_is_opened_as_its_folder_will_be(drafts):
    draft = drafts["verify_all"]
    with draft.laid_out() as folder:
        expected = VAE.load(folder, precision="int8").sample(3, seed=1)
    assert not folder.exists()
    with draft.opened(precision="int8") as vae:
        np.testing.assert_array_equal(vae.sample(3, seed=1), expected)
