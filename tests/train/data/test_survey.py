"""A folder says itself how large its pictures are and whether they are in colour; their number chooses the rest."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from vae_train.config import PRESETS
from vae_train.data.recipe import for_count, for_shape
from vae_train.data.survey import Survey, survey
from vae_train.fit.lock import trained_alone
from vae_train.metrics import read_metrics

from vae_runtime import InputError
from vae_runtime.cli import main


def write(folder, number, size, *, colour):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    if not colour:
        pixels[:] = pixels[:, :, :1]  # grey, saved as RGB
    Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(64, 64)], (64, 64)),
        ([(20, 20)], (28, 28)),
        ([(640, 480), (480, 360)], (84, 64)),
        ([(30, 90)], (30, 90)),
        ([(33, 31)], (31, 31)),
        ([(40, 40), (40, 40), (500, 30)], (40, 40)),
        ([(2000, 40)], (256, 40)),
    ],
)
def test_the_size_is_the_usual_one_as_far_as_it_can_be_trained(tmp_path, sizes, expected):
    for number, size in enumerate(sizes):
        write(tmp_path, number, size, colour=False)
    assert survey(tmp_path) == Survey(len(sizes), expected, "L")


def test_pictures_in_colour_make_a_colour_model_and_grey_ones_saved_as_rgb_do_not(tmp_path):
    for number in range(20):
        write(tmp_path / "grey", number, (32, 32), colour=False)
        write(tmp_path / "mixed", number, (32, 32), colour=number < 4)
    (tmp_path / "mixed" / "broken.png").write_bytes(b"\x89PNG nothing")
    assert survey(tmp_path / "grey").mode == "L"
    assert survey(tmp_path / "mixed") == Survey(21, (32, 32), "RGB")


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected mnist, digits, or a folder"):
        survey(tmp_path / "gone")
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(InputError, match="holds no picture that can be read"):
        survey(tmp_path)


def test_fewer_pictures_get_fewer_latents_and_smaller_batches():
    config = for_shape(PRESETS["conv"](), (3, 64, 64))
    chosen = [for_count(config, count) for count in (50, 300, 1200, 50_000)]
    assert [each.latent_size for each in chosen] == [24, 144, 256, 256]
    assert [each.batch_size for each in chosen] == [16, 16, 16, 64]
    assert [each.validation_images for each in chosen] == [5, 30, 120, 500]
    assert for_count(config, 2).validation_images == 0 and for_count(config, 3).latent_size == 8
    assert for_count(config, 3).validation_images == 1
    assert for_count(config, 40 * 600, at_once=600).validation_images == 600  # a picture at least
    assert for_count(config, 790, at_once=20).validation_images == 60  # whole pictures
    small = for_count(for_shape(PRESETS["conv"](), (1, 28, 28)), 50_000)
    assert small.latent_size == 48


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(40):
        write(tmp_path / "photos" / str(number % 2), number, (40, 30), colour=True)
    return tmp_path / "photos"


def fit_(*arguments, code=0):
    result = CliRunner().invoke(main, ["fit", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_a_folder_alone_is_enough_to_begin_with(photos, tmp_path):
    config = json.loads(fit_("--data", photos, "--out", tmp_path / "run", "--dry-run").stdout)
    assert config["preset"] == "conv" and config["image_shape"] == [3, 30, 40]
    assert config["minutes"] == 30 and config["likelihood"] == "gaussian" and config["linear_pool"] == 1
    assert config["validation_images"] == 4 and config["importance_share"] == 0
    assert not (tmp_path / "run").exists()


def test_options_that_are_given_stay_as_given(photos, tmp_path):
    options = ("--size", 32, "--mode", "L", "--patches", 5, "--latent-size", 9, "--batch-size", 7, "--augment", "none")
    options += ("--epochs", 8, "--validation-images", 10)
    config = json.loads(fit_("--data", photos, *options, "--out", tmp_path / "run", "--dry-run").stdout)
    assert config["image_shape"] == [1, 32, 32] and config["patches"] == 5 and config["augment"] == []
    assert (config["latent_size"], config["batch_size"], config["validation_images"]) == (9, 7, 10)
    assert (config["epochs"], config["minutes"], config["epoch_steps"]) == (8, 0, 0)
    assert 0 < config["learning_rate_warmup_steps"] < 15  # of 8 * 26 steps


def test_epochs_and_minutes_are_not_both_given(photos, tmp_path):
    result = fit_("--data", photos, "--epochs", 2, "--minutes", 1, "--out", tmp_path / "run", code=2)
    assert "give one of them" in result.output


def test_a_run_begins_with_five_lines(photos, tmp_path):
    options = ("--size", 28, "--epochs", 2, "--widths", 4, "--widths", 6, "--prior", "standard_normal")
    result = fit_("--data", photos, *options, "--out", tmp_path / "run", "--device", "cpu", "--threads", 1)
    lines = result.stderr.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("epoch 1/"))
    assert first <= 5 and not any("{" in line for line in lines)
    assert "held out" in lines[first] and "bits a dimension" in lines[first]
    assert any(line.startswith("Held out: ") and "the mean picture alone" in line for line in lines)


def test_a_run_that_has_ended_goes_on_when_it_is_given_more_time(photos, tmp_path):
    options = ("--size", 28, "--widths", 4, "--widths", 6, "--prior", "standard_normal", "--threads", 1)
    fit_("--data", photos, *options, "--minutes", 0.01, "--out", tmp_path / "run", "--device", "cpu")
    before = read_metrics(tmp_path / "run")
    fit_("--resume", tmp_path / "run", "--device", "cpu", "--threads", 1)
    assert read_metrics(tmp_path / "run") == before  # nothing was asked for
    fit_("--resume", tmp_path / "run", "--minutes", 0.1, "--patience", 0, "--device", "cpu", "--threads", 1)
    assert len(read_metrics(tmp_path / "run")) > len(before)


def test_options_that_do_not_fit_the_pictures_are_refused_in_a_sentence(photos, tmp_path):
    result = fit_("--data", photos, "--validation-images", 36, "--out", tmp_path / "run", code=2)
    assert "--validation-images is 36; there are 3" in result.output
    assert not (tmp_path / "run" / "config.json").exists()
    config = json.loads(fit_("--data", photos, "--size", 128, "--widths", 8, "--out", tmp_path, "--dry-run").stdout)
    assert config["linear_pool"] == 2 and len(config["widths"]) == 1


def test_a_run_without_patience_has_none_and_one_that_is_trained_is_not_trained_twice(photos, tmp_path):
    for given, expected in (((), 3), (("--patience", 0), 0), (("--patience", 7), 7)):
        options = ("--epochs", 10, *given, "--out", tmp_path / "run", "--dry-run")
        assert json.loads(fit_("--data", photos, *options).stdout)["patience"] == expected
    with trained_alone(tmp_path / "run"):
        result = fit_("--data", photos, "--epochs", 1, "--out", tmp_path / "run", code=2)
    assert "is being trained by another process" in result.output


def test_nothing_held_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(3):
        write(tmp_path / "few", number, (30, 30), colour=True)
    options = ("--epochs", 1, "--widths", 4, "--widths", 4, "--device", "cpu", "--threads", 1)
    result = fit_("--data", tmp_path / "few", *options, "--validation-images", 0, "--out", tmp_path / "run")
    assert "warning: nothing is held out" in result.output


def test_the_split_takes_its_last_part_from_every_subfolder(photos):
    from vae_train.data.folders import load_folder

    data = load_folder(photos, dataclasses.replace(for_shape(PRESETS["conv"](), (3, 30, 40))).image_spec)
    assert set(data.train_labels[-10:].tolist()) == {0, 1} and data.classes == ("0", "1")
