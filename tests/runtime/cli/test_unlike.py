"""One line a run says that pictures are not what the model takes, and one that it is the built-in model."""

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian

BUILT_IN = "This is the built-in model 'mnist', of 28x28 grey pictures; name another with -m.\n"
READING = {
    "score": lambda photos, out: ("score", photos),
    "encode": lambda photos, out: ("encode", photos, "-o", out / "z.npz"),
    "reconstruct": lambda photos, out: ("reconstruct", photos, "-o", f"{out}/"),
    "calibrate": lambda photos, out: ("calibrate", photos, "-o", out / "copy"),
    "vary": lambda photos, out: ("vary", photos / "0.png", "-o", out / "x.png"),
    "interpolate": lambda photos, out: ("interpolate", photos / "0.png", photos / "1.png", "-o", out / "x.png"),
}


def pictures(folder, *, size, mode, count=3):
    folder.mkdir()
    random = np.random.default_rng(0)
    channels = (3,) if mode == "RGB" else ()
    for number in range(count):
        pixels = random.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def emoji(tmp_path):
    return pictures(tmp_path / "emoji", size=(64, 64), mode="RGB")


@pytest.fixture
def digits(tmp_path):
    return pictures(tmp_path / "digits", size=(28, 28), mode="L")


@pytest.mark.parametrize("verb", READING)
def test_every_verb_that_reads_pictures_says_both_once(emoji, tmp_path, verb):
    (tmp_path / "out").mkdir()
    error = vae_(*READING[verb](emoji, tmp_path / "out")).stderr
    n = {"vary": 1, "interpolate": 2}.get(verb, 3)
    who = "The picture is" if n == 1 else f"{n} of {n} pictures are"
    counts = "in colour, much larger (64x64)" if n == 1 else f"{n} in colour, {n} much larger (64x64)"
    assert f"{who} unlike what the model 'mnist' takes, 28x28 grey: {counts}. " in error
    assert error.count("unlike") == 1 and error.count("-m.\n") == 2 and error.startswith(BUILT_IN)


@pytest.mark.parametrize("verb", READING)
def test_pictures_as_the_model_takes_them_are_no_matter(digits, tmp_path, verb):
    (tmp_path / "out").mkdir()
    assert "unlike" not in vae_(*READING[verb](digits, tmp_path / "out")).stderr


def test_a_model_that_is_named_is_not_named_again(digits, root, tmp_path):
    model = root / "artifacts" / "mnist"
    assert vae_("score", digits, "-m", model).stderr == ""
    assert vae_("score", digits, env={"VAE_MODEL": str(model)}).stderr == ""
    assert "built-in" not in vae_("sample", "-n", 1, "-o", tmp_path / "x.png").stderr
    np.save(tmp_path / "z.npy", np.zeros((1, 40), np.float32))
    assert vae_("decode", tmp_path / "z.npy", "-o", tmp_path / "x.png").stderr.startswith(BUILT_IN)
    assert vae_("bench", "--batch", 1, "--threads", 1, "--seconds", 0.001).stderr.startswith(BUILT_IN)


def test_results_are_as_they_were(emoji, root):
    usual = vae_("score", emoji, "-m", root / "artifacts" / "mnist", "--format", "csv")
    assert usual.stdout.startswith("path,score_nats\n") and len(usual.stdout.splitlines()) == 4
    assert vae_("score", emoji, "--format", "csv").stdout == usual.stdout


def test_some_of_many_are_counted_with_the_size_that_most_have(emoji, digits, tmp_path):
    pictures(emoji / "wide", size=(100, 20), mode="L", count=1)
    error = vae_("score", emoji, digits, tmp_path / "emoji" / "0.png").stderr
    assert "5 of 8 pictures are unlike" in error  # 0.png is given twice, and counted twice
    assert "4 in colour, 4 much larger (64x64), 1 of another aspect ratio (100x20)" in error
    pictures(emoji / "larger", size=(90, 90), mode="L", count=2)
    assert "5 much larger (mostly 64x64)" in vae_("score", emoji).stderr


def test_of_windows_the_size_does_not_count(emoji, tmp_path):
    large = pictures(tmp_path / "large", size=(90, 60), mode="L")
    assert "unlike" not in vae_("score", large, "--tile").stderr
    error = vae_("score", emoji, "--tile").stderr
    assert "3 in colour. " in error and "larger" not in error


def test_what_is_anomalous_is_told_after_what_is_unlike(emoji, tmp_path):
    """The exit code of an alarm does not swallow the line."""
    model = LinearGaussian.make().write(tmp_path / "model")
    vae_("calibrate", emoji, "-m", model)
    error = vae_("score", emoji, "-m", model, "--false-alarm-rate", 0.9, "--exit-code", code=10).stderr
    assert "3 of 3 pictures are unlike what the model 'ppca' takes, 3x2 grey" in error
