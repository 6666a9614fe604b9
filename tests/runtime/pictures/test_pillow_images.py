"""Pillow's images, from files or not: read by the rules of files, or refused with a sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import COLOUR, COLOURS, FRAMES, GREY, STILL, encoded, png
from vae_runtime import ImageSpec, InputError, from_uint8, read_images
from vae_runtime.pictures import limits
from vae_runtime.pictures.reading import read_picture

SPEC = ImageSpec(shape=(3, 6, 8), mode="RGB")
EXPECTED = from_uint8(COLOURS.transpose(2, 0, 1))[None]
ROTATED = Image.Exif()
ROTATED[0x0112] = 6


def opened(content):
    return Image.open(io.BytesIO(content))


def test_a_pillow_image_and_its_file_give_the_same_alone_and_mixed(tmp_path):
    content = encoded(Image.fromarray(COLOURS))
    (tmp_path / "a.png").write_bytes(content)
    picture = Image.fromarray(COLOURS)
    for source in (
        picture,
        opened(content),
        [picture],
        (picture, str(tmp_path / "a.png"), content, io.BytesIO(content)),
    ):
        images = read_images(source, SPEC)
        np.testing.assert_array_equal(images, EXPECTED.repeat(len(images), 0))
    np.testing.assert_array_equal(np.asarray(picture), COLOURS)  # the caller's is as it was


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(COLOURS[:, :, 0].astype(np.uint16) * 251)),
        encoded(Image.fromarray(COLOURS).quantize(16), transparency=bytes(range(16))),
        encoded(Image.fromarray(np.dstack([COLOURS, COLOURS[:, :, 0]]), "RGBA")),
        encoded(Image.fromarray(COLOURS[:, :, :2].copy(), "LA")),
        encoded(Image.fromarray(COLOURS[:, :, 0]).convert("1")),
        encoded(Image.fromarray(COLOURS), "JPEG", exif=ROTATED),
        encoded(Image.fromarray(COLOURS), exif=ROTATED),
        encoded(STILL, "WEBP"),
        encoded(STILL, "MPO", save_all=True, append_images=[STILL]),
        png(8, GREY, 7, 8, transparent=[7]),
    ],
    ids=[
        "16 bits",
        "palette",
        "alpha",
        "grey alpha",
        "1 bit",
        "EXIF JPEG",
        "EXIF PNG",
        "WebP",
        "MPO",
        "transparent grey",
    ],
)
def test_every_mode_is_read_by_the_rule_of_files(content):
    expected = read_picture(content)
    picture = read_picture(opened(content))
    assert picture.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(expected))


def test_an_image_that_is_loaded_already_is_read_the_same():
    for content in (encoded(Image.fromarray(COLOURS), exif=ROTATED), encoded(STILL.quantize(9), transparency=3)):
        picture = opened(content)
        picture.load()
        np.testing.assert_array_equal(np.asarray(read_picture(picture)), np.asarray(read_picture(content)))


def test_a_picture_that_pillow_made_of_another_format_is_a_picture():
    assert read_picture(opened(encoded(STILL, "TIFF"))).tobytes() == STILL.tobytes()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (Image.new("CMYK", (3, 3)), "colour mode CMYK"),
        (Image.new("F", (3, 3)), "colour mode F"),
        (Image.new("I", (3, 3)), "holds 32-bit integers"),
        (Image.new("L", (0, 3)), "is 0x3; it has no pixels"),
        (opened(encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])), "has 3 frames"),
        (opened(encoded(STILL)[:-500]), "cut off or damaged"),
        (opened(png(4, GREY, 1, 15, transparent=[1])), "one transparent colour"),
        (opened(png(16, COLOUR, 2571, 2571, 2571, transparent=[2571] * 3)), "one transparent colour"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pillow_image_that_cannot_be_read_rightly_is_refused(picture, words):
    with pytest.raises(InputError, match=words) as error:
        read_images([STILL, picture], SPEC)
    assert str(error.value).startswith("sources[1] ")


def test_a_transparent_colour_of_unknown_depth_is_refused():
    """Once a PNG is loaded, Pillow no longer says at which depth its transparent colour is told."""
    picture = opened(png(4, GREY, 1, 15, transparent=[1]))
    picture.load()
    with pytest.raises(InputError, match="one transparent colour"):
        read_picture(picture)


def test_a_pillow_image_whose_file_is_closed_is_said_to_be(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(STILL))
    with Image.open(tmp_path / "a.png") as left:
        pass
    closed = Image.open(tmp_path / "a.png")
    closed.close()
    for picture in (left, closed):
        with pytest.raises(InputError, match=r"a\.png is closed; call its load\(\) before"):
            read_picture(picture)


def test_a_pillow_image_has_the_limit_of_files(monkeypatch):
    monkeypatch.setattr(limits, "LIMIT_PIXELS", 1599)
    with pytest.raises(InputError, match="is 40x40; the limit is 1,599 pixels"):
        read_picture(STILL)


@pytest.mark.parametrize("pixels", [COLOURS, [COLOURS], COLOURS[None].astype(np.float32), np.zeros((5, 4), np.uint8)])
def test_arrays_are_told_what_to_use(pixels):
    with pytest.raises(InputError, match=r"given as ndarray \(.*give Image\.fromarray\(array\).*from_uint8\(array\)"):
        read_images(pixels, SPEC)


@pytest.mark.parametrize("spec", [None, (3, 6, 8), "RGB"])
def test_what_is_no_spec_is_named(spec):
    with pytest.raises(InputError, match=r"expected an ImageSpec, such as vae\.manifest\.image"):
        read_images(STILL, spec)


def test_an_array_of_paths_is_paths(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(COLOURS)))
    for paths in (np.array([str(tmp_path / "a.png")]), np.array([tmp_path / "a.png"], object)):
        np.testing.assert_array_equal(read_images(paths, SPEC), EXPECTED)
        np.testing.assert_array_equal(read_images(paths[0], SPEC), EXPECTED)
