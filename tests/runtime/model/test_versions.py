"""Models of format version 1 are read, checked and scored as they always were; version 2 is open to new scores."""

import json

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.folders import edit
from tests.support.linear_gaussian import LinearGaussian, in_version_1
from vae_runtime import VAE, IntegrityError, ManifestError, from_uint8, to_uint8
from vae_runtime.checks.verify import verify
from vae_runtime.maths.likelihood import ClippedBernoulli
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import describe

EXACT = LinearGaussian.make()


def checked(folder):
    return verify(folder, providers="cpu", threads=1, precision="float32")


def with_golden(folder, content):
    (folder / "golden.npz").write_bytes(content)
    entry = describe("golden.npz", content)
    edit(folder, lambda m: m["golden"]["float32"].update(bytes=entry.bytes, sha256=entry.sha256))
    return folder


@pytest.fixture
def old(tmp_path):
    return EXACT.write(tmp_path / "old", version=1)


def test_a_model_of_version_1_is_read_and_reproduces_its_golden_vectors(old, folder):
    assert checked(old).passed
    assert json.loads((old / "manifest.json").read_text())["format_version"] == 1
    x = VAE.load(folder).sample(3).clip(0, 1)
    np.testing.assert_array_equal(VAE.load(old).score(x), VAE.load(folder).score(x))


def test_a_model_that_was_exported_as_version_1_is_checked_and_scored_as_then(root, tmp_path):
    """tests/fixtures/version-1 was written by the exporter and the calibration of that time, and by nothing since."""
    folder = root / "tests" / "fixtures" / "version-1"
    report = checked(folder)
    assert report.passed and not report.unlisted
    vae, golden = VAE.load(folder, threads=1), np.load(folder / "golden.npz")
    assert (vae.latent_shape, vae.manifest.prior, vae.manifest.likelihood) == ((3,), "flow", ClippedBernoulli())
    np.testing.assert_allclose(vae.score(golden["images"]), golden["score"], atol=1e-4)
    samples = from_uint8(to_uint8(vae.sample(20)))  # what it was calibrated with
    for method in ("elbo", "reconstruction", "kl", "complexity"):
        known = vae.manifest.calibration[method]
        np.testing.assert_allclose(np.sort(vae.score(samples, method=method)), known, atol=1e-3, err_msg=method)
    pictures = tmp_path / "pictures"
    vae_("sample", "-n", 5, "-m", folder, "-o", f"{pictures}/")
    vae_("calibrate", pictures, "-m", folder, "-o", tmp_path / "copy")
    written = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert (written["format_version"], written["latent"]) == (1, {"size": 3})
    assert checked(tmp_path / "copy").passed


def test_a_model_of_version_1_stays_one_when_its_manifest_is_written_again(old):
    manifest = manifests.read(old)
    assert manifests.parse(manifest.to_json()) == manifest and manifest.format_version == 1


def test_a_bernoulli_of_version_1_keeps_its_clipping(tmp_path):
    vae = VAE.load(EXACT.write(tmp_path / "old", version=1, likelihood=ClippedBernoulli()))
    images = np.float32([0, 1, 0.5, 1, 0, 1]).reshape(1, 1, 2, 3)
    z = np.float32([[30, -30]])  # far out: some of its pixels lie beyond 0 and 1
    p = vae.decode(z)
    assert p.min() < 0 and p.max() > 1
    expected = [np.log(np.clip(part.astype(float), 1e-6, 1 - 1e-6)) for part in (p, np.float32(1) - p)]
    nats = vae.manifest.likelihood.log_prob(images, p)
    np.testing.assert_allclose(nats, (images * expected[0] + (1 - images) * expected[1]).sum((1, 2, 3)), rtol=1e-5)
    at_mean = vae.decode(vae.encode(images).mean)
    score = vae.score(images, method="reconstruction")
    np.testing.assert_array_equal(score, -ClippedBernoulli().log_prob(images, at_mean))


def test_graphs_and_golden_vectors_of_another_version_are_refused(folder, old):
    for place, version in ((folder, 1), (old, 2)):
        latent = {"size": 2} if version == 1 else {"shape": [2]}
        edit(place, lambda m, version=version, latent=latent: m.update(format_version=version, latent=latent))
        with pytest.raises(IntegrityError, match=r"vae\.format_version"):
            VAE.load(place)


@pytest.mark.parametrize(("version", "content"), [(1, EXACT.golden().to_bytes()), (2, in_version_1(EXACT.golden()))])
def test_golden_vectors_of_another_version_are_refused(tmp_path, version, content):
    model = with_golden(EXACT.write(tmp_path / "model", version=version), content)
    with pytest.raises(IntegrityError, match=r"does not hold the golden vectors of the format: 'score"):
        checked(model)


def test_a_score_that_this_reader_does_not_know_is_passed_over(folder):
    golden = EXACT.golden()
    later = golden._replace(scores={**golden.scores, "typicality_2": np.zeros(2)})
    assert checked(with_golden(folder, later.to_bytes())).passed
    edit(folder, lambda m: m.update(calibration={"typicality_2": [1.0, 2.0], "elbo": [0.5]}))
    manifest = manifests.read(folder)
    assert set(manifest.calibration) == {"typicality_2", "elbo"}
    assert manifests.parse(manifest.to_json()) == manifest


def test_its_type_and_shape_are_checked_all_the_same(folder):
    golden = EXACT.golden()
    for odd in (np.zeros(3), np.zeros(2, np.float32), np.full(2, np.nan)):
        later = golden._replace(scores={**golden.scores, "later": odd})
        with pytest.raises(IntegrityError, match="score_later"):
            checked(with_golden(folder, later.to_bytes()))


@pytest.mark.parametrize("name", ["Elbo", "e-lbo", "", "1st", "a" * 32])
def test_a_name_that_no_score_can_have_is_refused(folder, name):
    edit(folder, lambda m: m.update(calibration={name: [1.0]}))
    with pytest.raises(ManifestError, match="unknown key"):
        manifests.read(folder)


def test_version_1_knows_no_other_scores(old):
    edit(old, lambda m: m.update(calibration={"typicality": [1.0]}))
    with pytest.raises(ManifestError, match="unknown key 'typicality'"):
        manifests.read(old)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(latent={"shape": [2]}), "lacks the key 'size'"),
        (lambda m: m["latent"].update(scale=2.0), "unknown key 'scale'"),
        (lambda m: m["latent"].update(size=0), "from 1"),
        (lambda m: m["latent"].update(size=2.0), "type int"),
        (lambda m: m["prior"].update(family="none"), "one of standard_normal, flow"),
        (lambda m: m["posterior"].update(family="none"), "one of diagonal_gaussian"),
        (lambda m: m["likelihood"].update(family="none"), "one of bernoulli, gaussian"),
        (lambda m: m["likelihood"].update(sigma=[0.2]), "positive number"),
    ],
)
def test_version_1_knows_nothing_of_what_came_after_it(old, change, words):
    edit(old, change)
    with pytest.raises(ManifestError, match=words):
        manifests.read(old)


def test_every_score_is_checked_by_its_golden_value(folder):
    golden = EXACT.golden()
    assert set(golden.scores) == set(VAE.load(folder).manifest.scores)
    for method, score in golden.scores.items():
        off = golden._replace(scores={**golden.scores, method: score + 0.01})
        report = checked(with_golden(folder, off.to_bytes()))
        assert [check.tensor for check in report.tensors if not check.passed] == ["nats"], method
