"""Calibration at export: pictures that the model was trained on are left out, by their pixels, and it is said."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from vae_export.checks.calibration import score_folder
from vae_train.checkpoint import BEST, Checkpoint, save
from vae_train.config import PRESETS
from vae_train.data.datasets import Dataset, digits, picture_digest
from vae_train.data.folders import load_folder
from vae_train.data.recipe import for_shape
from vae_train.data.sources import PictureFolders
from vae_train.fit.training import fit
from vae_train.models.networks import build

from tests.support.commands import vae_
from vae_runtime import VAE, ImageSpec, InputError, read_images
from vae_runtime.checks.familiar import KEY
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests

pytestmark = pytest.mark.usefixtures("operators_read_once")
SPEC = ImageSpec(shape=(1, 28, 28))


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Forty pictures of noise, and six others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for number in range(46):
        folder = tmp_path / ("more" if number >= 40 else "photos")
        folder.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def vae(root):
    return VAE.load(root / "artifacts" / "mnist-2d", threads=1)


def run_of(data, folder, pictures=None, **changes):
    """A run whose weights are drawn."""
    config = dataclasses.replace(for_shape(PRESETS["mlp-2d"](), SPEC.shape), data=data, **changes)
    folder.mkdir()
    save(folder / BEST, Checkpoint(dict(build(config, torch.device("cpu")).state_dict()), {}))
    (folder / "config.json").write_text(config.to_json())
    if pictures:
        PictureFolders(pictures).save(folder)
    return folder


def exporting(*arguments, code=0):
    result = CliRunner().invoke(main, ["export", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_of_the_training_folder_the_held_out_pictures_calibrate(vae, photos):
    dataset = load_folder(photos, SPEC)
    scored = score_folder(vae, photos, tiled=False, trained_on=dataset.trained_on)
    assert scored.pictures == len(dataset.test_images) > 0 and len(scored.left_out) == len(dataset.train_images)
    held_out = read_images(sorted(set(photos.iterdir()) - set(scored.left_out)), SPEC)
    np.testing.assert_array_equal(scored.scores["elbo"], np.sort(vae.score(held_out)))


def test_a_picture_is_known_by_its_pixels_whatever_its_name_and_kind(vae, photos):
    dataset = load_folder(photos, SPEC)
    seen = score_folder(vae, photos, tiled=False, trained_on=dataset.trained_on).left_out[:2]
    shutil.copy(seen[0], photos.parent / "more" / "copy.png")
    Image.open(seen[1]).save(photos.parent / "more" / "another.bmp")
    for tiled in (False, True):
        scored = score_folder(vae, photos.parent / "more", tiled=tiled, trained_on=dataset.trained_on)
        assert scored.pictures == 6 and {path.name for path in scored.left_out} == {"copy.png", "another.bmp"}
        assert {len(scores) for scores in scored.scores.values()} == {6}


def test_a_run_on_patches_knows_its_whole_pictures(vae, photos):
    dataset = load_folder(photos, ImageSpec(shape=(1, 20, 20)), patches=3)
    assert len(dataset.train_images) == 3 * len(dataset.digests) and len(dataset.trained_on) == len(dataset.digests)
    scored = score_folder(vae, photos, tiled=True, trained_on=dataset.trained_on)
    assert len(scored.left_out) == len(dataset.digests) and scored.pictures == 40 - len(dataset.digests)


def test_images_of_a_data_set_are_its_pictures():
    images = digits().train_images[:5]
    known = Dataset(images, np.zeros(5, np.uint8), images[:0], np.zeros(0, np.uint8)).trained_on
    assert known == {picture_digest(Image.fromarray(image[0])) for image in images} and len(known) == 5


def test_more_pictures_than_are_scored_at_once_are_all_scored(vae, photos):
    for number in range(100):
        shutil.copy(photos / "00.png", photos / f"copy-{number}.png")
    scored = score_folder(vae, photos, tiled=False)
    assert scored.pictures == len(scored.scores["elbo"]) == 140


def test_an_export_calibrated_with_its_training_folder_says_what_it_left_out(photos, tmp_path):
    run = run_of("photos", tmp_path / "run", photos)
    result = exporting(run, tmp_path / "model", "--calibrate", photos)
    kept = len(load_folder(photos, SPEC).test_images)
    assert f"Calibrated with {kept} pictures of {photos}." in result.stdout
    assert f"warning: {40 - kept} more there were left out, such as {photos}" in result.stderr
    assert len(manifests.read(tmp_path / "model").calibration["elbo"]) == kept
    result = exporting(run, tmp_path / "model", "--calibrate", photos.parent / "more")
    assert (
        f"Calibrated with 6 pictures of {photos.parent / 'more'}." in result.stdout and "warning" not in result.stderr
    )


def test_pictures_that_were_all_trained_on_are_refused_and_leave_nothing(photos, tmp_path):
    run = run_of("photos", tmp_path / "run", photos)
    left_out = score_folder(VAE.load(), photos, tiled=False, trained_on=load_folder(photos, SPEC).trained_on).left_out
    (tmp_path / "seen").mkdir()
    for path in left_out:
        shutil.copy(path, tmp_path / "seen")
    result = exporting(run, tmp_path / "model", "--calibrate", tmp_path / "seen", code=2)
    assert f"the model was trained on all {len(left_out)} pictures of {tmp_path / 'seen'}" in result.stderr
    assert not (tmp_path / "model").exists()


def test_without_the_data_it_is_said_that_nothing_was_checked(photos, tmp_path):
    run = run_of("elsewhere", tmp_path / "run")
    result = exporting(run, tmp_path / "model", "--calibrate", photos)
    assert (
        "nothing says whether the model was trained on some of them" in result.stderr and "--data-dir" in result.stderr
    )
    result = exporting(run, tmp_path / "model", "--calibrate", photos, "--data-dir", photos)
    assert "left out" in result.stderr and "nothing says" not in result.stderr


def test_on_a_device_pictures_learnt_by_heart_are_known_by_their_scores(photos, tmp_path):
    """Thirty-odd pictures of noise, seen two hundred times: their scores tell the model nothing new."""
    run = tmp_path / "run"
    dataset = load_folder(photos, SPEC)
    config = for_shape(PRESETS["mlp"](), SPEC.shape)
    changes = {"likelihood": "bernoulli", "targets": "grey", "validation_images": 0, "kl_warmup_epochs": 0.0}
    config = dataclasses.replace(config, data="photos", epochs=200, batch_size=36, precision="float32", **changes)
    fit(config, run, dataset, torch.device("cpu"))
    PictureFolders(photos).save(run)
    model = tmp_path / "model"
    exporting(run, model)
    trained_on, held_out = (manifests.read(model).training[KEY][kind] for kind in ("trained_on", "held_out"))
    assert trained_on[2] < held_out[0]
    assert (
        "warning: these pictures score as those that the model was trained on"
        in vae_("calibrate", photos, "-m", model).stderr
    )
    assert "warning" not in vae_("calibrate", photos.parent / "more", "-m", model).stderr


def test_an_empty_folder_is_still_an_error(vae, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there is no picture to calibrate with"):
        score_folder(vae, tmp_path / "empty", tiled=False, trained_on=frozenset({"0" * 16}))
