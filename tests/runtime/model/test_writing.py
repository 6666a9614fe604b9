"""Writing a model folder: the old model or the new one at every instant."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError, IntegrityError, ManifestError
from vae_runtime.model import manifest as manifests
from vae_runtime.model import writing
from vae_runtime.model.integrity import read_file


def model_at(path):
    return path, manifests.read(path), {item.name: item.read_bytes() for item in path.iterdir() if item.is_file()}


def test_a_model_folder_that_is_replaced_is_the_old_model_or_the_new_at_every_step(tmp_path, monkeypatch):
    """Stop before every rename and removal in turn; each time the folder loads, and is wholly one of the two."""
    old = LinearGaussian.make().write(tmp_path / "old")
    _, manifest, contents = model_at(LinearGaussian.make(logvar_error=1.0).write(tmp_path / "new"))
    images = LinearGaussian.make().draw(3, seed=0)
    answers = {bytes(VAE.load(tmp_path / name).encode(images).logvar) for name in ("old", "new")}
    assert len(answers) == 2
    seen = set()
    for stop in range(20):
        target = shutil.copytree(old, tmp_path / f"target-{stop}")
        steps = 0

        def step(usual, stop=stop):
            def checked(*args):
                nonlocal steps
                steps += 1
                if steps > stop:
                    raise KeyboardInterrupt
                return usual(*args)

            return checked

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", step(os.replace))
            patch.setattr("pathlib.Path.unlink", step(type(target).unlink))
            try:
                writing.write_model(target, manifest, contents)
                finished = True
            except KeyboardInterrupt:
                finished = False
        answer = bytes(VAE.load(target).encode(images).logvar)
        assert answer in answers
        seen.add(answer)
        if finished:
            break
    assert finished and seen == answers
    assert sorted(item.name for item in target.iterdir()) == sorted(
        ["manifest.json", *(file.file for file in manifests.read(target).files)]
    )


@pytest.mark.parametrize("there", [True, False])
def test_a_replacement_cleans_up_after_one_that_was_killed(tmp_path, there):
    """At each rename and removal in turn, in the place of a model or in an empty folder; files of others stay."""
    _, manifest, contents = model_at(LinearGaussian.make(logvar_error=1.0).write(tmp_path / "new"))
    for calls in range(12):
        target = tmp_path / f"target-{calls}"
        target.mkdir()
        if there:
            LinearGaussian.make().write(target)
            (target / "decoder-notes.onnx").write_text("mine")
        child = os.fork()
        if child == 0:
            _exit_after(calls)
            writing.write_model(target, manifest, contents)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in (0, 9)
        LinearGaussian.make(logvar_error=0.5).write(target)
        VAE.load(target, threads=1)
        names = {"manifest.json", *(file.file for file in manifests.read(target).files)}
        assert {item.name for item in target.iterdir()} == names | ({"decoder-notes.onnx"} if there else set())
    assert os.waitstatus_to_exitcode(status) == 0


def _exit_after(calls):
    """End this process, as a kill does, at a later call that changes a name."""

    def counted(usual):
        def call(*arguments, **options):
            nonlocal calls
            calls -= 1
            if calls < 0:
                os._exit(9)
            return usual(*arguments, **options)

        return call

    os.replace, Path.unlink = counted(os.replace), counted(Path.unlink)


@pytest.mark.parametrize("size", [900, 10**6])
def test_a_damaged_model_is_replaced_and_nobody_elses_files_are(tmp_path, size):
    _, manifest, contents = model_at(LinearGaussian.make(logvar_error=1.0).write(tmp_path / "new"))
    target = LinearGaussian.make().write(tmp_path / "target")
    old = {file.file for file in manifests.read(target).files}
    theirs = ("encoder-notes.md", "decoder.py", "golden.backup.tar", "samples-of-my-fridge.jpg", "README.md", ".x.tmp")
    for name in (*theirs, "encoder-0123456789ab.onnx", "prior_sample.onnx", ".notes.12ab34cd.tmp"):
        (target / name).write_text("mine")
    text = (target / "manifest.json").read_text()
    (target / "manifest.json").write_text(
        (text.rstrip().removesuffix("}") + ', "more": ' + "1" * 2**20)[: size or None]
    )
    with pytest.raises(InputError, match=r"cannot be read .* add --replace"):
        writing.write_model(target, manifest, contents)
    writing.write_model(target, manifest, contents, replace=True)
    assert VAE.load(target, threads=1).manifest.pair_id == manifest.pair_id
    names = {file.file for file in manifests.read(target).files}
    mine = {item.name for item in target.iterdir() if item.read_bytes() == b"mine"}
    assert mine == {*theirs, "encoder-0123456789ab.onnx", "prior_sample.onnx", ".notes.12ab34cd.tmp"}
    if size > 900:  # all that the old one says of its files can be read
        assert {item.name for item in target.iterdir()} == {"manifest.json", *mine, *names} and not old & mine


@pytest.mark.parametrize(
    "text", ['{"manifest_version": 3}', "[]", "", "torn", '{"format": "vae-page"}', '{"about": "vae-onnx"}', "\xff"]
)
def test_another_programs_manifest_is_no_model_to_replace(tmp_path, text):
    _, manifest, contents = model_at(LinearGaussian.make().write(tmp_path / "new"))
    folder = tmp_path / "extension"
    folder.mkdir()
    (folder / "manifest.json").write_text(text)
    (folder / "decoder.js").write_text("mine")
    for replace in (False, True):
        with pytest.raises(InputError, match=r"holds no model: its manifest\.json is another program's"):
            writing.write_model(folder, manifest, contents, replace=replace)
    assert {item.name: item.read_text() for item in folder.iterdir()} == {"manifest.json": text, "decoder.js": "mine"}


def test_a_card_does_not_go_over_a_file_that_the_old_model_does_not_name(tmp_path):
    folder, manifest, contents = model_at(LinearGaussian.make().write(tmp_path / "model"))
    (folder / "README.md").write_text("mine")
    contents = {**contents, "README.md": b"the card"}
    card = (writing.describe("README.md", b"the card"),)
    writing.write_model(folder, dataclasses.replace(manifest, card=card), contents)
    (written,) = manifests.read(folder).card
    assert (folder / "README.md").read_text() == "mine" and (folder / written.file).read_bytes() == b"the card"
    assert read_file(folder, written) == b"the card"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"training": {"figure": float("nan")}}, ManifestError),
        ({"training": {"note": "x" * 2**20}}, ManifestError),
        ({"calibration": {"elbo": (2.0, 1.0)}}, ManifestError),
        ({"name": "two words"}, ManifestError),
        ({"opset": 0}, ManifestError),
        ({}, IntegrityError),
    ],
)
def test_nothing_is_written_that_would_not_read_back(folder, tmp_path, change, error):
    _, manifest, contents = model_at(folder)
    if not change:
        contents["decoder.onnx"] = b"other"
    before = {item.name: item.read_bytes() for item in folder.iterdir()}
    for place in (folder, tmp_path / "new"):
        with pytest.raises(error):
            writing.write_model(place, dataclasses.replace(manifest, **change), contents)
    assert {item.name: item.read_bytes() for item in folder.iterdir()} == before and not (tmp_path / "new").exists()


def test_a_new_model_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    _, manifest, contents = model_at(LinearGaussian.make().write(tmp_path / "source"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        writing.write_model(tmp_path / "target", manifest, contents)
    assert [item.name for item in tmp_path.iterdir()] == ["source"]


def test_a_folder_of_other_things_is_not_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds no model"):
        LinearGaussian.make().write(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]


def test_names_do_not_grow_when_a_model_is_replaced_again_and_again(tmp_path):
    """Each time by other content under the names that the folder has."""
    place = LinearGaussian.make().write(tmp_path / "model")
    for number in range(12):
        other = LinearGaussian.make(logvar_error=0.1 * number).write(tmp_path / f"{number}")
        contents = {file.file: read_file(other, file) for file in manifests.read(other).files}
        there = manifests.read(place)
        renamed = {role: {"float32": file} for role, file in _as_named(there, manifests.read(other)).items()}
        manifest = dataclasses.replace(manifests.read(other), graphs=renamed)
        contents |= {there.graphs[role]["float32"].file: contents[f"{role}.onnx"] for role in there.graphs}
        writing.write_model(place, manifest, contents)
        assert all(len(file.file) < 40 for file in manifests.read(place).files)
        assert VAE.load(place, threads=1).sample(1).shape == (1, 1, 2, 3)


def _as_named(there, other):
    """The files of one manifest under the names of another."""
    return {
        role: dataclasses.replace(graph["float32"], file=there.graphs[role]["float32"].file)
        for role, graph in other.graphs.items()
    }
