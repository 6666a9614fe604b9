"""Pictures out: the format by suffix, the text in a PNG, animations, and nothing left behind when it fails."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import RANDOM
from vae_runtime import ImageSpec, InputError, from_uint8, read_images, write_image
from vae_runtime.pictures.writing import encode_image, write_animation


@pytest.mark.parametrize("channels", [1, 3])
def test_a_written_png_is_read_back_with_its_text(tmp_path, channels):
    image = from_uint8(RANDOM.integers(0, 256, (channels, 5, 7), dtype=np.uint8))
    write_image(tmp_path / "a.png", image, text={"vae.seed": "7"})
    spec = ImageSpec(shape=(channels, 5, 7), mode={1: "L", 3: "RGB"}[channels])
    np.testing.assert_array_equal(read_images(tmp_path / "a.png", spec)[0], image)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text == {"vae.seed": "7"}
    assert b"tEXtvae.seed\x007" in (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp", "a.bmp"])
def test_the_suffix_chooses_the_format(tmp_path, name):
    write_image(tmp_path / name, np.zeros((1, 4, 4), np.float32), text={"a": "b"})
    with Image.open(tmp_path / name) as picture:
        assert picture.format == {"jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP", "bmp": "BMP"}[name[2:].lower()]


@pytest.mark.parametrize("name", ["a.gif", "a.apng"])
@pytest.mark.parametrize(("count", "order"), [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3, 2, 1])])
def test_an_animation_goes_there_and_back(tmp_path, name, count, order):
    shades = np.linspace(0, 1, count, dtype=np.float32)
    write_animation(tmp_path / name, shades.reshape(-1, 1, 1, 1).repeat(4, 2).repeat(4, 3), seconds=0.2)
    with Image.open(tmp_path / name) as picture:
        greys = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            greys.append(picture.convert("L").getpixel((0, 0)))
        assert greys == [round(float(shades[index]) * 255) for index in order]
        assert count == 1 or (picture.info["loop"] == 0 and picture.info["duration"] == 200)


@pytest.mark.parametrize("images", [np.zeros((0, 1, 4, 4)), np.zeros((3, 4, 4))])
def test_an_animation_needs_frames(tmp_path, images):
    with pytest.raises(InputError, match="1 or more frames"):
        write_animation(tmp_path / "a.gif", images)


@pytest.mark.parametrize(
    ("path", "image", "words"),
    [
        ("a.tiff", np.zeros((1, 2, 2)), "suffix '.tiff'"),
        ("a", np.zeros((1, 2, 2)), "suffix ''"),
        ("nowhere/a.png", np.zeros((1, 2, 2)), "does not exist"),
        ("folder.png", np.zeros((1, 2, 2)), "is a directory"),
        ("a.png", np.zeros((2, 2)), "has shape"),
        ("a.png", np.zeros((2, 2, 2)), "has shape"),
        ("a.png", np.zeros((1, 0, 2)), "has shape"),
        ("a.png", np.full((1, 2, 2), np.nan), "NaN"),
        ("a.webp", np.zeros((1, 1, 16384)), "is 16384x1; WEBP holds 16,383 pixels a side"),
        ("a.jpg", np.zeros((1, 65501, 1)), "is 1x65501; JPEG holds 65,500 pixels a side"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, path, image, words):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=words):
        write_image(tmp_path / path, image)
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.parametrize(("format", "side"), [("WEBP", 16383), ("JPEG", 65500), ("PNG", 70000)])
def test_the_longest_side_a_format_holds_is_written(format, side):
    assert encode_image(np.zeros((1, 1, side), np.float32), format=format)


def test_an_animation_too_large_for_gif_is_refused(tmp_path):
    with pytest.raises(InputError, match="GIF holds 65,535 pixels a side"):
        write_animation(tmp_path / "a.gif", np.zeros((2, 1, 1, 65536)))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch, step):
    write_image(tmp_path / "a.png", np.zeros((1, 2, 2)))
    old = (tmp_path / "a.png").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left"):
            write_image(tmp_path / "a.png", np.ones((1, 2, 2)))
    assert (tmp_path / "a.png").read_bytes() == old and os.listdir(tmp_path) == ["a.png"]
