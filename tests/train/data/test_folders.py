"""A folder of pictures as a data set: read as a device reads it, split by name, decoded once, whatever lies in it."""

import os

import numpy as np
import pytest
from PIL import Image
from vae_train.data.folders import load_folder
from vae_train.data.sources import PictureFolders, parse_size

from vae_runtime import ImageSpec, InputError, from_uint8, read_images

SPEC = ImageSpec(shape=(1, 12, 10), fit="crop", resample="bilinear")


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of many sizes and modes in two folders, one of them twice, and three files that are none."""
    random, folder = np.random.default_rng(0), tmp_path / "data"
    for number in range(40):
        size = (*random.integers(8, 40, 2), 3)[: 2 + number % 2]
        path = folder / ("good" if number < 30 else "other") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(path)
    (folder / "good" / "copy.png").write_bytes((folder / "good" / "05.png").read_bytes())
    (folder / "good" / "page.png").write_bytes(b"<html>")
    (folder / "good" / ".hidden.png").write_bytes((folder / "good" / "05.png").read_bytes())
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def load(tmp_path):
    return lambda folder, spec=SPEC, **options: load_folder(folder, spec, cache=tmp_path / "cache", **options)


def test_what_is_trained_on_is_what_a_device_sees(folder, load):
    data = load(folder)
    assert len(data.train_images) + len(data.test_images) == 41 and len(data.test_images) > 0
    everything = np.concatenate([data.train_images, data.test_images])
    paths = [path for path in sorted(folder.rglob("*.png")) if path.name not in ("page.png", ".hidden.png")]
    seen = read_images(paths, SPEC)
    as_sets = [{image.tobytes() for image in images} for images in (from_uint8(everything), seen)]
    assert as_sets[0] == as_sets[1]
    assert sorted(np.concatenate([data.train_labels, data.test_labels])) == [0] * 31 + [1] * 10


def test_decoded_folders_that_nobody_opened_for_a_month_go(folder, load, tmp_path):
    load(folder)
    (old,) = (tmp_path / "cache").glob("*.json")
    load(folder, patches=1)
    assert len(os.listdir(tmp_path / "cache")) == 4  # both are young
    os.utime(old, (1, 1))
    load(folder, patches=2)
    assert not old.exists() and not old.with_suffix(".bytes").exists()
    assert len(os.listdir(tmp_path / "cache")) == 4


def test_the_split_is_by_name_and_stays_when_pictures_come(folder, load):
    before = load(folder)
    Image.new("L", (20, 20), 99).save(folder / "other" / "new.png")
    after = load(folder)
    for old, new in ((before.train_images, after.train_images), (before.test_images, after.test_images)):
        assert {image.tobytes() for image in old} <= {image.tobytes() for image in new}


def test_pictures_are_decoded_once_and_again_when_a_file_changes(folder, load, tmp_path):
    said = []
    load(folder, say=said.append)
    assert any("Decoding 42 pictures" in line for line in said)
    assert any("41 pictures" in line and "1 duplicate; 2 folders" in line for line in said)
    assert any("skipped good/page.png" in line and "web page" in line for line in said)
    said.clear()
    load(folder, say=said.append)
    assert not any("Decoding" in line for line in said) and any("skipped good/page.png" in line for line in said)
    Image.new("L", (20, 20)).save(folder / "good" / "00.png")
    load(folder, say=said.append)
    assert any("Decoding" in line for line in said)
    assert not [name for name in os.listdir(tmp_path / "cache") if name.endswith(".tmp")]


def test_another_folder_can_test(folder, load):
    data = load(folder / "good", validation=folder / "other")
    assert (len(data.train_images), len(data.test_images)) == (31, 10)


def test_patches_are_parts_of_the_pictures_at_their_own_resolution(tmp_path, load):
    picture = np.arange(60 * 50, dtype=np.uint16).reshape(60, 50) % 251
    (tmp_path / "big").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "big" / name)
    data = load(tmp_path / "big", patches=5)
    patches = np.concatenate([data.train_images, data.test_images])[:, 0]
    assert patches.shape == (10, 12, 10)
    windows = np.lib.stride_tricks.sliding_window_view(picture.astype(np.uint8), (12, 10)).reshape(-1, 12, 10)
    known = {window.tobytes() for window in windows}
    assert all(patch.tobytes() in known for patch in patches)
    assert len({patch.tobytes() for patch in patches}) > 5
    np.testing.assert_array_equal(load(tmp_path / "big", patches=5).train_images, data.train_images)


def test_colour_and_names_that_are_not_utf8(tmp_path, load):
    (tmp_path / "data").mkdir()
    for name in (b"caf\xe9.png", b"b.png", b"c.jpg"):
        path = os.path.join(os.fsencode(tmp_path / "data"), name)
        try:
            with open(path, "wb") as file:
                Image.new("RGB", (30, 20), (200, 10, 10)).save(file, "PNG" if name.endswith(b"png") else "JPEG")
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
    data = load(tmp_path / "data", ImageSpec(shape=(3, 8, 8), mode="RGB"))
    assert len(data.train_images) + len(data.test_images) == 3
    assert abs(int(data.train_images[0, 0, 0, 0]) - 200) < 5


def test_folders_that_cannot_be_trained_on(tmp_path, load):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "broken").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "one" / "a.png")
    for name in "abc":
        (tmp_path / "broken" / f"{name}.png").write_bytes(b"\x89PNG nothing")
    for name, words in (
        ("empty", "holds no picture"),
        ("one", "holds one picture"),
        ("broken", "too few of the 3 pictures can be read"),
        ("gone", "is no folder"),
    ):
        with pytest.raises(InputError, match=words):
            load(tmp_path / name)
    assert not os.path.exists(tmp_path / "cache") or not os.listdir(tmp_path / "cache")


def test_sizes_as_people_write_them():
    assert parse_size("64") == (64, 64) and parse_size("48x64") == (48, 64)
    for text in ("", "64x", "x64", "12", "300", "64x12", "64.0", "-64"):
        with pytest.raises(InputError, match="--size is"):
            parse_size(text)


def test_a_run_notes_where_its_pictures_are(tmp_path):
    assert PictureFolders.of_run(tmp_path) is None
    PictureFolders(tmp_path / "a", None).save(tmp_path)
    assert PictureFolders.of_run(tmp_path) == PictureFolders(tmp_path / "a", None)
