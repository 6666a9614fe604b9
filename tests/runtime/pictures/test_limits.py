"""What a picture may cost: limits told before decoding, and parts instead of wholes."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from fuzz.machine import extremes
from fuzz.machine.guarded import Guarded
from tests.support.picture_files import STILL, encoded
from vae_runtime import ImageSpec, InputError
from vae_runtime.pictures import fitting, limits, strips
from vae_runtime.pictures.decoded import Picture
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.likeness import COLOUR, unlikeness
from vae_runtime.pictures.png import write_png
from vae_runtime.pictures.reading import open_picture, read_picture
from vae_runtime.pictures.structure import LIMIT_EXIF, LIMIT_METADATA, LIMIT_PARTS, LIMIT_SCANS, structure_of
from vae_runtime.spec import RESAMPLES

NOISE = np.random.default_rng(3).integers(0, 256, (170, 130, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        "PNG 1x64,000,000",
        "PNG 6000x4000 RGBA",
        "JPEG 9248x6936",
        "WebP 16383x3906 lossless",
        "JPEG 4000x4000, 1,000 scans",
        "PNG 28x28, 4,000,000 empty chunks",
    ],
)
def test_an_extreme_picture_costs_little(tmp_path, name):
    with Guarded(extremes.cost, 100.0) as ask:
        said, memory, seconds = extremes.measure(ask, extremes.cases()[name](), tmp_path)
    assert said in extremes.FOUND and memory < extremes.MEMORY and seconds < 20
    assert said == "an image" or name.startswith(("PNG 1x", "WebP", "JPEG 4000", "PNG 28"))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_parts_are_fitted_to_the_bytes_of_the_whole(monkeypatch, mode, fit):
    """By Pillow on the whole picture, as before there were parts; few rows and few columns at a time here."""
    monkeypatch.setattr(strips, "STRIP_PIXELS", 1000)
    monkeypatch.setattr(fitting, "ROWS_BYTES", 170 * 4 * 9)
    picture = Image.fromarray(NOISE)
    for resample in RESAMPLES:
        for shape in ((28, 20), (300, 200), (170, 40), (40, 130)):
            spec = ImageSpec(shape=(len(mode), *shape), mode=mode, fit=fit, resample=resample, invert=fit == "pad")
            size, whole = shape[::-1], (0, 0, 130, 170)
            box = fitting._middle(picture.size, size) if fit == "crop" else whole
            inside = fitting._inside(picture.size, size) if fit == "pad" else size
            converted = picture.convert(mode)
            converted = ImageOps.invert(converted) if spec.invert else converted
            method = Image.Resampling[resample.upper()]
            rows = converted.resize((inside[0], 170), method, box=(box[0], 0, box[2], 170))
            expected = Image.new(mode, size)
            place = round((size[0] - inside[0]) / 2), round((size[1] - inside[1]) / 2)
            expected.paste(rows.resize(inside, method, box=(0, box[1], inside[0], box[3])), place)
            fitted = fit_picture(picture, spec)
            np.testing.assert_array_equal(fitted.transpose(1, 2, 0).squeeze(), np.asarray(expected))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_a_turned_picture_is_that_part_of_the_whole(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content, random = encoded(Image.fromarray(NOISE), exif=exif), np.random.default_rng(orientation)
    with open_picture(content) as picture:
        whole = np.asarray(picture.whole())
        assert whole.shape == (picture.height, picture.width, 3)
        for _ in range(20):
            left, right = sorted(random.choice(picture.width + 1, 2, replace=False).tolist())
            top, bottom = sorted(random.choice(picture.height + 1, 2, replace=False).tolist())
            np.testing.assert_array_equal(
                np.asarray(picture.crop((left, top, right, bottom))), whole[top:bottom, left:right]
            )
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))), whole)


def test_colour_is_seen_in_any_part_of_a_picture(monkeypatch):
    monkeypatch.setattr(strips, "STRIP_PIXELS", 100)
    picture, spec = Image.new("RGB", (50, 50), "grey"), ImageSpec(shape=(1, 50, 50))
    assert unlikeness(picture, spec) == ()
    picture.putpixel((49, 49), (200, 0, 0))
    assert unlikeness(picture, spec) == (COLOUR,)


def test_a_side_has_a_limit_of_its_own():
    assert read_picture(extremes.png(65535, 1, 1, 0)).size == (65535, 1)
    for size in ((65536, 1), (1, 65536)):
        with pytest.raises(InputError, match=f"is {size[0]}x{size[1]}; the limit is 65,535 pixels a side"):
            read_picture(extremes.png(*size, 1, 0))


def segment(data, marker=0xE1):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


PNG, CHUNK = extremes.png, extremes.chunk
EXIF_SEGMENT = segment(b"Exif\0\0" + bytes(65000))
PRIVATE_MEGABYTE = CHUNK(b"abCd", bytes(2**20))
SEVERAL_MEGABYTES = b"".join(CHUNK(b"zTXt", b"%d\0\0x" % number) for number in range(17))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PNG(8, 8, 8, 0, before=CHUNK(b"abCd", b"") * LIMIT_PARTS), f"made of more than {LIMIT_PARTS:,} parts"),
        (PNG(8, 8, 8, 0, after=CHUNK(b"IDAT", b"") * LIMIT_PARTS), f"made of more than {LIMIT_PARTS:,} parts"),
        (extremes.jpeg(8, 8, segments=segment(b"", 0xFE) * LIMIT_PARTS), f"made of more than {LIMIT_PARTS:,} parts"),
        (extremes.webp(8, 8, chunks=b"ABCD\0\0\0\0" * LIMIT_PARTS), f"made of more than {LIMIT_PARTS:,} parts"),
        (PNG(8, 8, 8, 0, after=PRIVATE_MEGABYTE * 17), f"more than {LIMIT_METADATA:,} bytes of metadata"),
        (PNG(8, 8, 8, 0, before=SEVERAL_MEGABYTES), f"more than {LIMIT_METADATA:,} bytes of metadata"),
        (extremes.jpeg(8, 8, segments=bytes(LIMIT_METADATA + 1)), f"more than {LIMIT_METADATA:,} bytes of metadata"),
        (extremes.jpeg(8, 8, segments=EXIF_SEGMENT * 17), f"more than {LIMIT_EXIF:,} bytes of EXIF"),
        (PNG(8, 8, 8, 0, before=CHUNK(b"eXIf", bytes(LIMIT_EXIF + 1))), f"more than {LIMIT_EXIF:,} bytes of EXIF"),
        (extremes.jpeg(8, 8, progressive=True, scans=LIMIT_SCANS), f"more than {LIMIT_SCANS} scans"),
        (extremes.bmp(8, 8, rle=b"\0\2\0\0" * 2**21 + b"\0\1"), "bytes of run lengths; save it as PNG"),
    ],
    ids=["chunks", "IDATs", "segments", "WebP chunks", "private", "texts", "junk", "EXIF", "eXIf", "scans", "runs"],
)
def test_what_costs_much_beside_the_pixels_is_refused_in_one_sentence(content, words):
    with pytest.raises(InputError, match=words) as error:
        read_picture(content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        PNG(8, 8, 8, 0, before=CHUNK(b"abCd", b"") * (LIMIT_PARTS - 10)),
        PNG(8, 8, 8, 0, before=PRIVATE_MEGABYTE * 15),
        extremes.jpeg(8, 8, segments=segment(b"", 0xFE) * (LIMIT_PARTS - 20)),
        extremes.jpeg(8, 8, segments=EXIF_SEGMENT * 16),
        extremes.jpeg(8, 8, progressive=True, scans=LIMIT_SCANS - 20),
        extremes.webp(8, 8, chunks=b"ABCD\0\0\0\0" * (LIMIT_PARTS - 10)),
    ],
)
def test_much_that_is_within_the_limits_is_read(content):
    assert read_picture(content).size == (8, 8)


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((16, 16), {"progressive": True}, 6 * 128),  # an MCU of four blocks of luma, and one each of two colours
        ((17, 33), {"progressive": True, "subsampling": 0}, 3 * 5 * 3 * 128),
        ((17, 33), {"progressive": True, "mode": "L"}, 3 * 5 * 128),
        ((17, 33), {}, 0),
    ],
)
def test_coefficients_of_a_progressive_jpeg_are_counted(size, options, expected):
    content = extremes.jpeg(*size, **options)
    assert structure_of(io.BytesIO(content), "x").coefficients == expected


@pytest.mark.parametrize(
    ("form", "options", "words"),
    [
        ("WEBP", {}, "to decode as WebP; the limit is 0. Save it as PNG or ordinary JPEG"),
        ("JPEG", {"progressive": True}, "to decode as progressive JPEG; the limit is 0. Save it as PNG or ordinary"),
        ("PNG", {}, "to decode; the limit is 0. Make it smaller"),
    ],
)
def test_a_picture_that_takes_too_much_memory_is_told_what_would_help(monkeypatch, form, options, words):
    monkeypatch.setattr(limits, "LIMIT_MEMORY", 1000)
    with pytest.raises(InputError, match=f"is 40x40, and would take 1 MB {words}"):
        read_picture(encoded(STILL, form, **options))


def test_what_comes_through_a_pipe_counts_and_is_told_of_files(monkeypatch, tmp_path):
    content = encoded(STILL)
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setattr(limits, "LIMIT_MEMORY", 40 * 40 * (4 + limits._WORKING) + 100)
    assert read_picture(tmp_path / "a.png").size == read_picture(content).size == (40, 40)
    with pytest.raises(InputError, match="Give it as a file"):
        read_picture(io.BytesIO(content))


def test_memory_that_is_not_there_is_an_input_error(monkeypatch):
    def fail(picture):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(InputError, match="40x40, too large for the memory that is left here"):
        read_picture(STILL)


def test_a_png_written_in_parts_is_the_picture():
    parts = (Image.fromarray(NOISE[top : top + 60]) for top in (0, 60, 120))
    buffer = io.BytesIO()
    write_png(buffer, (130, 170), parts)
    np.testing.assert_array_equal(np.asarray(Image.open(buffer)), NOISE)


def test_a_picture_of_the_caller_stays_open_and_as_it_was():
    picture = Image.fromarray(NOISE)
    with open_picture(picture) as opened:
        assert isinstance(opened, Picture)
    np.testing.assert_array_equal(np.asarray(picture), NOISE)
