"""A model folder: the manifest is read strictly, every byte is checked, and a rewrite never mixes two models."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from tests.linear_gaussian import LinearGaussian
from vae_runtime import VAE, InputError, IntegrityError, ManifestError, ProviderError
from vae_runtime.model import manifest as manifests
from vae_runtime.model import writing
from vae_runtime.model.integrity import unlisted_files
from vae_runtime.model.providers import full_names
from vae_runtime.model.threads import available_processors


@pytest.fixture
def folder(tmp_path):
    return LinearGaussian.make().write(tmp_path / "model")


def edit(folder, change):
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp", "mnist-2d"])
def test_a_manifest_survives_writing_and_reading(root, model):
    manifest = manifests.read(root / "artifacts" / model)
    assert manifests.parse(manifest.to_json()) == manifest
    assert manifest.to_json() == (root / "artifacts" / model / "manifest.json").read_text()
    assert unlisted_files(root / "artifacts" / model, manifest) == []


def test_a_gaussian_manifest_survives_writing_and_reading(folder):
    manifest = manifests.read(folder)
    assert manifests.parse(manifest.to_json()) == manifest
    assert manifest.likelihood.sigma == 0.2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("name"), "lacks the key 'name'"),
        (lambda m: m.update(extra=1), "unknown key 'extra'"),
        (lambda m: m["image"].update(extra=1), "unknown key 'extra'"),
        (lambda m: m["graphs"].pop("decoder"), "lacks the key 'decoder'"),
        (lambda m: m["graphs"].update(third={}), "unknown key 'third'"),
        (lambda m: m["graphs"]["encoder"].pop("float32"), "no float32 encoder"),
        (lambda m: m.update(format="other"), "format is 'other'"),
        (lambda m: m.update(format_version=2), "format version 2"),
        (lambda m: m.update(format_version=True), "format_version is True"),
        (lambda m: m["prior"].update(family="flow"), "one of standard_normal"),
        (lambda m: m["posterior"].update(family="full"), "one of diagonal_gaussian"),
        (lambda m: m["likelihood"].update(family="laplace"), "one of bernoulli, gaussian"),
        (lambda m: m["likelihood"].update(sigma=0), "positive"),
        (lambda m: m["likelihood"].pop("sigma"), "lacks the key 'sigma'"),
        (lambda m: m["latent"].update(size=0), "from 1"),
        (lambda m: m["latent"].update(size=2.0), "type int"),
        (lambda m: m["image"].update(shape=[1, 2]), "image.shape"),
        (lambda m: m["image"].update(shape=[3, 2, 3]), "image.shape"),
        (lambda m: m["image"].update(fit="zoom"), "image.fit"),
        (lambda m: m["image"].update(invert=1), "type bool"),
        (lambda m: m.update(pair_id="xyz"), "16 hexadecimal"),
        (lambda m: m.update(min_onnxruntime="new"), "a version"),
        (lambda m: m["golden"].update(sha256="0"), "64 hexadecimal"),
        (lambda m: m["golden"]["tolerance"].update(mean=-1), "positive"),
        (lambda m: m["golden"].update(file="encoder.onnx"), "one file twice"),
        *(
            (lambda m, name=name: m["golden"].update(file=name), "plain file name")
            for name in ("../x.npz", "/etc/passwd", "a/b.npz", "..", "", ".hidden", "c:x", "a\\b", "x\n")
        ),
    ],
)
def test_a_manifest_that_is_not_the_formats_is_refused_by_its_key(folder, change, words):
    edit(folder, change)
    with pytest.raises(ManifestError, match=words):
        VAE.load(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ('{"format": "vae-onnx", "for', "not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"format": "vae-onnx", "format": "vae-onnx"}', "same key twice"),
        ('{"format": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "nested too deeply|not valid JSON"),
        ("\x00", "not valid JSON"),
    ],
)
def test_a_torn_or_foreign_manifest_is_one_sentence(folder, text, words):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=words) as error:
        VAE.load(folder)
    assert "\n" not in str(error.value)


def test_a_place_without_a_manifest_is_no_model(tmp_path, folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe")
    for path, words in ((tmp_path, "has no manifest"), (tmp_path / "nowhere", "not a folder"), (folder, "not UTF-8")):
        with pytest.raises(ManifestError, match=words):
            VAE.load(path)


def test_random_edits_of_a_manifest_raise_nothing_but_a_vae_error(root):
    text = (root / "artifacts" / "mnist" / "manifest.json").read_bytes()
    random, refused = np.random.default_rng(0), 0
    for _ in range(500):
        content = bytearray(text)
        for place in random.integers(0, len(content), random.integers(1, 4)):
            content[place] = random.integers(32, 127)
        try:
            manifests.parse(content.decode())
        except ManifestError:
            refused += 1
    assert refused > 300


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
    edit(folder, lambda m: m["latent"].update(size=3))
    with pytest.raises(IntegrityError, match="manifest needs"):
        VAE.load(folder)


def test_a_file_that_is_no_graph_is_refused_in_one_line(folder, capfd):
    put(folder, "decoder.onnx", b"not a graph at all")
    with pytest.raises(IntegrityError, match=r"refuses decoder\.onnx") as error:
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
    assert sorted(os.path.basename(path) for path in opened if str(folder) in path) == ["decoder.onnx", "encoder.onnx"]


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


def test_short_provider_names_mean_onnxruntimes_own():
    assert full_names("cuda, cpu") == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert full_names(["CPUExecutionProvider"]) == ("CPUExecutionProvider",)
    for wrong in ("", (), ["cpu", ""], [3]):
        with pytest.raises(InputError, match="providers is"):
            full_names(wrong)


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


def test_a_precision_that_the_model_lacks_is_named_with_those_it_has(folder):
    with pytest.raises(InputError, match="no 'int8' encoder; it has float32"):
        VAE.load(folder, precision="int8")
