"""Writing a model folder: the old model or the new one at every instant."""

import dataclasses
import os
import shutil

import pytest

from tests.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError
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


def test_a_replacement_cleans_up_after_an_interrupted_one(tmp_path):
    """Files of a model that never came or lost its manifest, and a damaged file under the name of good content."""
    _, manifest, contents = model_at(LinearGaussian.make(logvar_error=1.0).write(tmp_path / "new"))
    target = LinearGaussian.make().write(tmp_path / "target")
    for name in ("encoder-0123456789ab.onnx", "golden-0123456789ab.npz", ".decoder.onnx.12ab34cd.tmp"):
        (target / name).write_bytes(b"left behind")
    damaged = manifest.graphs["encoder"]["float32"]
    (target / f"encoder-{damaged.sha256[:12]}.onnx").write_bytes(b"damaged")
    (target / "notes.txt").write_text("mine")
    (target / "manifest.json").write_text("torn")
    writing.write_model(target, manifest, contents, replace=True)
    VAE.load(target)
    names = {item.name for item in target.iterdir()}
    assert names == {"manifest.json", "notes.txt", *(file.file for file in manifests.read(target).files)}


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
