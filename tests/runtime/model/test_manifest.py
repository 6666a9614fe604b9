"""manifest.json is read strictly: anything that is not the format's is refused by its key."""

import numpy as np
import pytest

from tests.support.folders import edit
from vae_runtime import VAE, IntegrityError, ManifestError
from vae_runtime.maths.likelihood import LIKELIHOODS
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import unlisted_files
from vae_runtime.model.prior import PRIORS


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp", "mnist-2d"])
def test_a_manifest_survives_writing_and_reading(root, model):
    manifest = manifests.read(root / "artifacts" / model)
    assert manifests.parse(manifest.to_json()) == manifest
    assert manifest.to_json() == (root / "artifacts" / model / "manifest.json").read_text()
    assert unlisted_files(root / "artifacts" / model, manifest) == []


def test_its_bytes_are_copied_only_while_they_are_what_was_read(folder):
    manifest = manifests.read(folder)
    assert manifests.read_bytes(folder, manifest) == (folder / "manifest.json").read_bytes()
    edit(folder, lambda content: content.update(created_by="somebody else"))
    with pytest.raises(IntegrityError, match="was changed while it was read"):
        manifests.read_bytes(folder, manifest)


def test_a_gaussian_manifest_survives_writing_and_reading(folder):
    manifest = manifests.read(folder)
    assert manifests.parse(manifest.to_json()) == manifest
    assert manifest.likelihood.sigma == 0.2


def _without_prior(content, **others):
    content["prior"] = {"family": "none", **others}
    del content["golden"]["float32"]["tolerance"]["z"]


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
        (lambda m: m.update(format_version=3), "format version 3"),
        (lambda m: m.update(format_version=True), "format_version is True"),
        (lambda m: m["prior"].update(family="mixture"), f"one of {', '.join(PRIORS)}"),
        (lambda m: m["prior"].update(family="flow"), "lacks the key 'prior_sample'"),
        (lambda m: m["posterior"].update(family="full"), "one of diagonal_gaussian"),
        (lambda m: m["likelihood"].update(family="laplace"), f"one of {', '.join(LIKELIHOODS)}"),
        (lambda m: m["likelihood"].update(sigma=0), "positive"),
        (lambda m: m["likelihood"].pop("sigma"), "lacks the key 'sigma'"),
        (lambda m: m["likelihood"].update(sigma=[0.1, 0.2]), "a positive number, or a list of 1"),
        (lambda m: m["likelihood"].update(sigma=[0]), "a positive number, or a list of 1"),
        (lambda m: m["latent"].update(size=2), "unknown key 'size'"),
        (lambda m: m["latent"].pop("shape"), "lacks the key 'shape'"),
        *(
            (lambda m, shape=shape: m["latent"].update(shape=shape), "latent.shape is")
            for shape in ([], [0], [2.0], [True], [1, 1, 1, 2], [2**31], [2**16, 2**16], ["2"], [[2]], [2] * 10**5)
        ),
        (lambda m: m["latent"].update(shape=2), "type list"),
        (lambda m: m["latent"].update(scale=0), "latent.scale is 0"),
        (lambda m: m["latent"].update(scale="1"), "type float or int"),
        (lambda m: m["latent"].update(shift=10**400), "latent.shift is 1000"),
        (lambda m: _without_prior(m, labels=[]), "unknown key 'labels'"),
        (lambda m: m["prior"].update(family="none"), "unknown key 'z'"),
        (lambda m: m["posterior"].update(family="none"), "unknown key 'logvar'"),
        (lambda m: m["likelihood"].update(family="none"), "unknown key 'sigma'"),
        (lambda m: m["image"].update(shape=[1, 2]), "image.shape"),
        (lambda m: m["image"].update(shape=[3, 2, 3]), "image.shape"),
        (lambda m: m["image"].update(fit="zoom"), "image.fit"),
        (lambda m: m["image"].update(invert=1), "type bool"),
        (lambda m: m.update(pair_id="xyz"), "16 hexadecimal"),
        (lambda m: m.update(min_onnxruntime="new"), "a version"),
        (lambda m: m["golden"]["float32"].update(sha256="0"), "64 hexadecimal"),
        (lambda m: m["golden"]["float32"]["tolerance"].update(mean=-1), "positive"),
        (lambda m: m["golden"]["float32"]["tolerance"].update(mean=10**400), "positive"),
        (lambda m: m["image"].update(shape=[1, 2, 2**31]), "image.shape"),
        (lambda m: m.update(license="a\nb"), "plain characters"),
        (lambda m: m.update(name="\u0663"), "letters, digits"),
        (lambda m: m.update(min_onnxruntime="1.\u0665"), "a version"),
        (lambda m: m["golden"]["float32"].update(file="encoder.onnx"), "one file twice"),
        (lambda m: m["golden"]["float32"].update(file="ENCODER.onnx"), "one file twice"),
        (lambda m: m["golden"]["float32"].update(file="manifest.json"), "one file twice"),
        *(
            (lambda m, name=name: m["golden"]["float32"].update(file=name), "plain file name")
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
        ('{"format": 1e999}', "1e999 is no double-precision number"),
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


def test_a_manifest_that_too_many_scores_have_filled_says_how_it_becomes_readable(folder):
    edit(folder, lambda manifest: manifest.update(calibration={"elbo": [0.1] * 400_000}))
    with pytest.raises(ManifestError, match=r'set its "calibration" to {} and calibrate the model again'):
        manifests.read(folder)
    edit(folder, lambda manifest: manifest.update(calibration={}))
    assert dict(manifests.read(folder).calibration) == {}
