"""False-alarm rates: p-values by counting, a rate that holds, models calibrated without torch, exit codes."""

import contextlib
import json
import math
import re
import shutil
from fractions import Fraction

import numpy as np
import pytest

from tests.support.commands import vae_
from tests.support.folders import edit
from vae_runtime import VAE, InputError, ManifestError, write_image
from vae_runtime.checks.calibrate import calibration, write_calibrated
from vae_runtime.checks.thinning import thinning
from vae_runtime.cli.verdicts import require_calibration
from vae_runtime.maths.conformal import (
    alarms,
    conformal_p_values,
    fewest_scores,
    is_anomalous,
    rounded_outwards,
    thinned,
)
from vae_runtime.model import manifest as manifests


def test_p_values_are_counted():
    known = [3.0, 1.0, 2.0, 2.0]
    for score, expected in ((0.0, 5), (1.0, 5), (1.5, 4), (2.0, 4), (2.5, 2), (3.0, 2), (3.1, 1)):
        assert conformal_p_values(score, known) == expected / 5
    p_values = conformal_p_values(np.zeros((2, 3)), known)
    assert p_values.shape == (2, 3) and p_values.dtype == np.float64


def test_two_sided_p_values_find_what_is_too_low_as_well():
    known = np.arange(1.0, 100.0)
    p_values = conformal_p_values([0.0, 1.0, 50.0, 99.0, 100.0], known, two_sided=True)
    np.testing.assert_allclose(p_values, [2 / 100, 4 / 100, 1, 4 / 100, 2 / 100])
    low, high = conformal_p_values(known, known), conformal_p_values(-known, -known)
    np.testing.assert_allclose(
        conformal_p_values(known, known, two_sided=True), np.minimum(1, 2 * np.minimum(low, high))
    )


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.01])
def test_the_false_alarm_rate_is_exact_on_average(rate):
    """Over calibration and test together P(p <= rate) = floor(rate (n + 1)) / (n + 1), whatever the distribution."""
    random, n, trials = np.random.default_rng(0), 199, 4000
    scores = random.lognormal(size=(trials, n + 1))
    alarms = np.mean([conformal_p_values(row[-1], row[:-1]) <= rate for row in scores])
    expected = int(rate * (n + 1) + 1e-9) / (n + 1)
    assert abs(alarms - expected) < 2.6 * (expected * (1 - expected) / trials) ** 0.5  # the 99 % interval


def test_a_verdict_is_that_of_the_fractions_for_every_rate_in_thousandths():
    """(1 + k) / (n + 1) <= rate, beside whole numbers: (1 + k) * 1000 <= thousandths * (n + 1)."""
    thousandths = np.arange(1, 501)
    rates = [float(f"0.{number:03d}") for number in thousandths]
    for n in range(1, 2001):
        highest = thousandths * (n + 1) // 1000  # the greatest 1 + k that is an alarm
        assert (highest / (n + 1) <= rates).all() and ((highest + 1) / (n + 1) > rates).all()
        assert [alarms(n, rate) for rate in rates[:: 1 + n // 20]] == highest[:: 1 + n // 20].tolist()
    assert is_anomalous([29 / 100, 30 / 100], 0.29).tolist() == [True, False]


@pytest.mark.parametrize("two_sided", [False, True])
def test_the_fewest_scores_of_a_rate_allow_it_and_one_less_does_not(two_sided):
    """0.003 was said to need 332, of which the lowest p-value is 1 / 333 = 0.003003."""
    for text in ("0.003", "0.01", "0.3", "0.007", "0.0001", "0.49", "1e-9", "0.999"):
        rate, least = Fraction(text), 2 if two_sided else 1
        exact = max(math.ceil(least / rate) - 1, 1)
        assert fewest_scores(float(text), two_sided=two_sided) == exact
    assert fewest_scores(5e-324) > 2**1000


@pytest.fixture
def pictures(folder, tmp_path):
    """Samples of a model: 40 normal ones, 10 fresh ones, one of noise."""
    vae = VAE.load(folder)
    images = np.clip(vae.sample(50, seed=1), 0, 1)
    for number, image in enumerate(images):
        place = tmp_path / ("normal" if number < 40 else "fresh")
        place.mkdir(exist_ok=True)
        write_image(place / f"{number:02d}.png", image)
    (tmp_path / "strange").mkdir()
    noise = np.random.default_rng(0).integers(0, 2, vae.image_shape).astype(np.float32)
    write_image(tmp_path / "strange" / "x.png", noise)
    return tmp_path


def test_a_model_is_calibrated_on_the_device(folder, pictures):
    vae_("calibrate", pictures / "normal", "-m", folder, "-o", pictures / "calibrated")
    vae, plain = VAE.load(pictures / "calibrated"), VAE.load(folder)
    assert set(vae.manifest.calibration) == set(vae.manifest.scores) and not plain.manifest.calibration
    assert all(len(scores) == 40 for scores in vae.manifest.calibration.values())
    vae_("verify", "-m", pictures / "calibrated")
    result = vae_(
        "score",
        pictures / "normal",
        pictures / "strange",
        "-m",
        pictures / "calibrated",
        "--false-alarm-rate",
        0.05,
        "--format",
        "jsonl",
        "--exit-code",
        code=10,
    )
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[-1]["anomalous"] is True and rows[-1]["p_value"] == pytest.approx(1 / 41)
    assert (
        sum(row["anomalous"] for row in rows[:-1]) <= 2 and "anomalous at a false-alarm rate of 0.05" in result.stderr
    )
    scores = np.array([row["score_nats"] for row in rows])
    np.testing.assert_array_equal(vae.p_value(scores), [row["p_value"] for row in rows])
    # In its own place, and the same again.
    vae_("calibrate", pictures / "normal", "-m", pictures / "calibrated")
    assert VAE.load(pictures / "calibrated").manifest.calibration == vae.manifest.calibration
    table = vae_("score", pictures / "strange", "-m", pictures / "calibrated", "--false-alarm-rate", 0.05).stdout
    assert "ANOMALOUS" in table
    # What failed is counted also where something is anomalous, and says no less of the rest.
    (pictures / "strange" / "broken.png").write_bytes(b"<html>")
    arguments = ("score", pictures / "strange", "-m", pictures / "calibrated", "--false-alarm-rate", 0.05)
    both = vae_(*arguments, "--exit-code", code=10).stderr
    assert "anomalous at a false-alarm rate of 0.05" in both and both.endswith("vae: 1 done, 1 failed.\n")


def test_what_a_calibration_cannot_say(folder, pictures):
    def error(*arguments):
        return vae_("score", pictures / "fresh", *arguments, code=2).stderr

    assert "has no calibration for the method 'elbo'" in error("-m", folder, "--false-alarm-rate", 0.1)
    assert "--exit-code needs --false-alarm-rate" in error("-m", folder, "--exit-code")
    vae_("calibrate", pictures / "normal", "-m", folder)
    assert "0.01 needs 99 calibration pictures" in error("-m", folder, "--false-alarm-rate", 0.01)
    assert "0.003 needs 333 calibration pictures" in error("-m", folder, "--false-alarm-rate", 0.003)
    two_sided = error("-m", folder, "--false-alarm-rate", 0.01, "--two-sided")
    assert "0.01, two-sided, needs 199 calibration pictures" in two_sided
    assert "holds no picture" in vae_("calibrate", folder, "-m", folder, code=2).stderr
    with pytest.raises(InputError, match="no picture"):
        calibration(VAE.load(folder), [])


@pytest.mark.parametrize("n", [1, 2, 3, 10, 99, 100, 101, 400])
def test_thinned_scores_make_no_p_value_smaller_and_none_much_larger(n):
    """Every place that a score can have among 1 .. n, for every number of them that may be kept."""
    known = tuple(2.0 * k for k in range(1, n + 1))
    scores = np.arange(1.0, 2 * n + 3)
    one, two = (conformal_p_values(scores, known, two_sided=both) for both in (False, True))
    for most in {2, 3, 7, 50, n, n + 1} | {n - 1} - {0, 1}:
        kept = thinned(known, most)
        assert set(kept) <= set(known) and list(kept) == sorted(kept)
        assert len(kept) == min(n, most)
        gaps = 1 / (len(kept) + 1)
        thin, thin_two = (conformal_p_values(scores, kept, two_sided=both) for both in (False, True))
        assert (thin >= np.minimum(one, 0.5) - 1e-12).all() and (thin <= one + gaps + 1e-12).all()
        assert (thin_two >= two - 1e-12).all() and (thin_two <= two + 2 * gaps + 1e-12).all()


def test_rounded_scores_make_no_p_value_smaller():
    for seed in range(20):
        random = np.random.default_rng(seed)
        known = tuple(np.sort(random.normal(size=41) * 10.0 ** random.integers(-8, 8)).tolist())
        kept = rounded_outwards(known)
        assert max(len(f"{score:e}".rstrip("0")) for score in kept) < 20 and rounded_outwards(kept) == kept
        scores = np.concatenate([known, np.array(known) * (1 + 1e-9), np.array(known) * (1 - 1e-9)])
        assert (conformal_p_values(scores, kept) >= np.minimum(0.5, conformal_p_values(scores, known))).all()
        two, all_two = (conformal_p_values(scores, numbers, two_sided=True) for numbers in (kept, known))
        assert (two >= all_two).all()
    assert rounded_outwards((0.1, 83.512345678, 83.512345678, 0.3e9)) == (0.1, 83.51234, 83.51235, 0.3e9)


@pytest.mark.parametrize("model", ["mnist", "mnist-conditional"])
def test_ten_thousand_pictures_plain_and_tiled_are_a_model_that_is_read(root, tmp_path, model):
    folder, random = tmp_path / "model", np.random.default_rng(0)
    shutil.copytree(root / "artifacts" / model, folder, ignore=shutil.ignore_patterns("checkpoint"))
    methods = manifests.read(folder).scores
    for kind, kept in (("", 10_000), ("_tiled", 6_250)):
        scores = {method + kind: tuple(np.sort(random.normal(100, 20, 10_000)).tolist()) for method in methods}
        before, after = write_calibrated(folder, folder, scores)
        kept_scores = VAE.load(folder, threads=1).manifest.calibration
        assert kept_scores == after.calibration and {len(numbers) for numbers in kept_scores.values()} == {kept}
        assert bool(thinning({**before.calibration, **scores}, kept_scores)) == (kept < 10_000)
    assert (folder / "manifest.json").stat().st_size < 600_000
    assert "6,250 of 10,000 (elbo)" in thinning({**before.calibration, **scores}, kept_scores)
    with pytest.raises(InputError, match=r"0.0001 needs 9,999 calibration pictures or more, .* room .* 6,250"):
        require_calibration(VAE.load(folder), "elbo", 1e-4, str(folder), two_sided=False)


def test_the_verb_says_that_scores_were_thinned(folder, pictures, monkeypatch):
    monkeypatch.setattr("vae_runtime.checks.thinning.CALIBRATION_LIMIT", 20)
    said = vae_("calibrate", pictures / "normal", "-m", folder).stderr
    assert "keeps 20 of 40 (elbo), 20 of 40 (reconstruction)" in said and "the smallest is 1 / 21" in said
    assert len(VAE.load(folder).manifest.calibration["elbo"]) == 20


@pytest.mark.parametrize("rate", [0.5, 0.3, 0.07, 0.05, 0.003, 1 / 3])
def test_as_many_pictures_as_a_rate_is_said_to_need_are_enough(folder, pictures, rate):
    vae_("calibrate", pictures / "normal" / "00.png", "-m", folder)
    vae = VAE.load(folder)
    needed = 1
    with contextlib.suppress(InputError):
        require_calibration(vae, "elbo", rate, str(folder), two_sided=False)
        assert rate == 0.5
    if rate < 0.5:
        with pytest.raises(InputError) as refusal:
            require_calibration(vae, "elbo", rate, str(folder), two_sided=False)
        needed = int(re.search(r"needs ([\d,]+) calibration", str(refusal.value))[1].replace(",", ""))
    for count, enough in ((needed, True), (needed - 1, False)):
        if count:
            write_calibrated(folder, folder, {"elbo": tuple(map(float, range(count)))})
            assert (VAE.load(folder).p_value(1e9).item() <= rate) == enough


def test_scores_that_are_no_numbers_are_refused_and_nothing_is_written(folder):
    before = (folder / "manifest.json").read_bytes()
    for scores in ((1.0, float("inf")), (float("nan"),), ()):
        with pytest.raises((InputError, ManifestError)):
            write_calibrated(folder, folder, {"elbo": scores})
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "bad", [{"elbo": []}, {"elbo": [2.0, 1.0]}, {"elbo": [1, "2"]}, {"no name": [1.0]}, {"elbo": [True]}, [1.0]]
)
def test_a_bad_calibration_is_a_bad_manifest(folder, bad):
    edit(folder, lambda manifest: manifest.update(calibration=bad))
    with pytest.raises(ManifestError):
        VAE.load(folder)


def test_the_scores_parts_add_up(vae, images):
    whole = vae.score(images)
    np.testing.assert_allclose(
        vae.score(images, method="reconstruction") + vae.score(images, method="kl"), whole, rtol=1e-9
    )
    with pytest.raises(InputError, match="expected one of elbo"):
        vae.score(images, method="mse")
