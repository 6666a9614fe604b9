"""Pictures in memory: Pillow images, uploads and other streams in, buffers out; the rules are those of files."""

import asyncio
import gzip
import io
import os
import tempfile

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import COLOUR, COLOURS, FRAMES, GREY, STILL, encoded, png
from vae_runtime import ImageSpec, InputError, from_uint8, read_images, write_image
from vae_runtime.pictures import limits, sources
from vae_runtime.pictures.reading import read_picture

SPEC = ImageSpec(shape=(3, 6, 8), mode="RGB")
EXPECTED = from_uint8(COLOURS.transpose(2, 0, 1))[None]
ROTATED = Image.Exif()
ROTATED[0x0112] = 6


class Named(io.BytesIO):
    """An open file, or an upload, with whatever names it has."""

    def __init__(self, content, **names):
        super().__init__(content)
        self.__dict__.update(names)


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


def test_streams_of_every_kind_are_read(tmp_path):
    content = encoded(Image.fromarray(COLOURS))
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    with (
        gzip.open(tmp_path / "a.gz") as packed,
        tempfile.SpooledTemporaryFile() as spooled,
        tempfile.TemporaryFile() as temporary,
    ):
        for file in (spooled, temporary):
            file.write(content)
            file.seek(0)
        np.testing.assert_array_equal(
            read_images([packed, spooled, temporary, io.BytesIO(content)], SPEC), EXPECTED.repeat(4, 0)
        )


@pytest.mark.parametrize(
    ("names", "called"),
    [
        ({}, "the input is"),
        ({"name": None}, "the input is"),
        ({"name": 7}, "the input is"),
        ({"name": ""}, "the input is"),
        ({"filename": None, "name": "b.png"}, "b.png is"),
        ({"filename": "cat.png", "name": "form-field"}, "cat.png is"),
        ({"filename": "cat\nERROR all is lost.png"}, r"cat\nERROR all is lost.png is"),
    ],
)
def test_a_bad_upload_is_called_by_the_name_it_has_or_by_its_place(names, called):
    with pytest.raises(InputError) as error:
        read_images(Named(b"", **names), SPEC)
    assert str(error.value).startswith(called)
    with pytest.raises(InputError) as error:
        read_images([encoded(STILL), Named(b"hello", **names)], SPEC)
    assert str(error.value).startswith(called.replace("the input", "sources[1]"))


def test_a_spooled_file_that_is_no_picture_is_not_called_none():
    with tempfile.SpooledTemporaryFile() as file, pytest.raises(InputError, match=r"^the input is empty"):
        read_picture(file)
    with tempfile.TemporaryFile() as file, pytest.raises(InputError, match=r"^the input is empty"):
        read_picture(file)


def test_an_upload_that_must_be_awaited_says_so():
    class Upload:
        def __init__(self):
            self.filename = "cat.png"

        async def read(self, size=-1):
            return b""

    with pytest.raises(InputError, match=r"cat\.png must be awaited; give its bytes, await upload\.read\(\)"):
        read_images(Upload(), SPEC)
    assert asyncio.run(Upload().read()) == b""


def test_a_stream_has_the_limit_of_files(monkeypatch):
    monkeypatch.setattr(sources, "LIMIT_BYTES", 10)
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_picture(Named(encoded(STILL), name=None))


@pytest.mark.parametrize(
    ("format", "kind"),
    [(None, "PNG"), ("PNG", "PNG"), ("jpeg", "JPEG"), ("JPG", "JPEG"), ("webp", "WEBP"), ("BMP", "BMP")],
)
def test_an_image_goes_into_a_buffer(format, kind):
    buffer = io.BytesIO()
    write_image(buffer, EXPECTED[0], format=format, text={"vae.seed": "7"})
    buffer.seek(0)
    with Image.open(buffer) as picture:
        assert picture.format == kind and picture.size == (8, 6)
        assert kind != "PNG" or picture.text == {"vae.seed": "7"}


def test_a_buffer_gets_the_bytes_of_the_file_after_what_it_holds(tmp_path):
    write_image(tmp_path / "a.png", EXPECTED[0])
    buffer = io.BytesIO()
    buffer.write(b"before")
    write_image(buffer, EXPECTED[0])
    assert buffer.getvalue() == b"before" + (tmp_path / "a.png").read_bytes()
    buffer.seek(6)
    np.testing.assert_array_equal(read_images(buffer, SPEC), EXPECTED)


def test_a_pipe_that_takes_little_at_once_gets_all():
    class Narrow(io.BytesIO):
        def write(self, data):
            return super().write(data[:100])

    narrow, wide = Narrow(), io.BytesIO()
    for buffer in (narrow, wide):
        write_image(buffer, EXPECTED[0].repeat(9, 2))
    assert narrow.getvalue() == wide.getvalue()


@pytest.mark.parametrize(
    ("file", "format", "words"),
    [
        (io.BytesIO(), "tiff", "format is 'tiff'; expected PNG, JPEG, WEBP or BMP"),
        (io.BytesIO(), "", "format is ''"),
        (io.StringIO(), None, "a StringIO came; expected a path, or a file that is open for binary writing"),
        (None, None, "a NoneType came; expected a path"),
        ("a.png", "PNG", "format is 'PNG', and of a.png the suffix says it"),
    ],
)
def test_what_cannot_be_written_to_is_refused(tmp_path, monkeypatch, file, format, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        write_image(file, EXPECTED[0], format=format)
    assert not os.listdir(tmp_path)


def test_a_closed_or_reading_file_is_named_and_a_full_disk_stays_an_oserror(tmp_path):
    closed = io.BytesIO()
    closed.close()
    (tmp_path / "a").touch()
    with (tmp_path / "a").open("rb") as reading_:
        for file in (closed, reading_):
            with pytest.raises(InputError, match="cannot be written to"):
                write_image(file, EXPECTED[0])

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_image(Full(), EXPECTED[0])
