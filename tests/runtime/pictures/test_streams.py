"""Pictures from uploads and other streams, and into buffers and pipes: by the rules of files."""

import asyncio
import gzip
import io
import os
import tempfile

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import COLOURS, STILL, encoded
from vae_runtime import ImageSpec, InputError, from_uint8, read_images, write_image
from vae_runtime.pictures import sources
from vae_runtime.pictures.reading import read_picture

SPEC = ImageSpec(shape=(3, 6, 8), mode="RGB")


EXPECTED = from_uint8(COLOURS.transpose(2, 0, 1))[None]


class Named(io.BytesIO):
    """An open file, or an upload, with whatever names it has."""

    def __init__(self, content, **names):
        super().__init__(content)
        self.__dict__.update(names)


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
