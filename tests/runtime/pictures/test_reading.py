"""Pictures in: one documented rule for each odd file, and nothing but an InputError for the rest."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import COLOUR, COLOUR_ALPHA, COLOURS, FRAMES, GREY, GREY_ALPHA, STILL, encoded, png
from vae_runtime import ImageSpec, InputError, from_uint8, read_images
from vae_runtime.pictures import limits, sources
from vae_runtime.pictures.reading import read_picture

SPEC = ImageSpec(shape=(3, 6, 8), mode="RGB")


def values(content):
    return np.asarray(read_picture(content)).tolist()


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_are_read_exactly(format, options):
    assert values(encoded(Image.fromarray(COLOURS), format, **options)) == COLOURS.tolist()


def test_a_jpeg_is_read_nearly():
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(64, 0)
    read = np.array(values(encoded(Image.fromarray(smooth), "JPEG", quality=95)))
    assert np.abs(read - smooth).max() <= 3


def test_a_path_bytes_and_an_open_file_give_the_same(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(COLOURS)))
    expected = from_uint8(COLOURS.transpose(2, 0, 1))[None]
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), file, [path], (item for item in [path])):
            np.testing.assert_array_equal(read_images(source, SPEC), expected)
    assert read_images([], SPEC).shape == (0, 3, 6, 8)


def test_a_stream_may_come_in_pieces():
    class Pipe(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    np.testing.assert_array_equal(np.asarray(read_picture(Pipe(encoded(Image.fromarray(COLOURS))))), COLOURS)


@pytest.mark.parametrize("source", [5, None, [5], bytearray(b"x"), io.StringIO("x"), [io.StringIO("x")]])
def test_what_is_no_source_is_named_by_its_type(source):
    with pytest.raises(InputError, match="expected a path, bytes, an open binary file or a Pillow image"):
        read_images(source, SPEC)


def test_what_cannot_be_opened_is_named(tmp_path):
    closed = io.BytesIO()
    closed.close()
    for source in (tmp_path / "nothing.png", tmp_path, "a\0b.png", closed):
        with pytest.raises(InputError, match="cannot be read"):
            read_picture(source)


def test_sixteen_bit_grey_keeps_its_256_levels():
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert values(encoded(Image.fromarray(deep))) == np.rint(deep / 257).tolist()
    assert values(png(16, GREY, 0, 65535, transparent=[0])) == [[0, 255]]


def test_sixteen_bit_colour_and_alpha_keep_the_high_byte():
    levels = (0, 255, 256, 0x12FF, 0x7FFF, 65535)
    assert values(png(16, COLOUR, *levels)) == [[[0, 0, 1], [0x12, 0x7F, 255]]]
    assert values(png(16, GREY_ALPHA, 0, 0, 0x80FF, 65535))[0][1] == [0x80] * 3
    assert values(png(16, COLOUR_ALPHA, 0, 0, 0, 0, *levels[3:], 65535)) == [[[255] * 3, [0x12, 0x7F, 255]]]


def test_a_palette_is_expanded():
    palette = Image.fromarray(COLOURS).quantize(48)
    assert values(encoded(palette)) == np.asarray(palette.convert("RGB")).tolist()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_few_bits_span_black_to_white(depth):
    top = 2**depth - 1
    assert values(png(depth, GREY, 0, top, top // 2)) == [[0, 255, top // 2 * 255 // top]]


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparency_shows_white(format):
    layers = np.zeros((1, 3, 4), np.uint8)
    layers[0, :, 3] = 0, 128, 255  # black, ever more opaque
    read = np.array(values(encoded(Image.fromarray(layers, "RGBA"), format, lossless=True)))
    np.testing.assert_allclose(read[0, :, 0], [255, 127, 0], atol=1)


def test_transparent_grey_and_palettes_show_white_too():
    assert values(encoded(Image.fromarray(np.zeros((1, 1, 2), np.uint8), "LA"))) == [[255]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    assert values(encoded(palette, transparency=0)) == [[[255] * 3, [40, 50, 60]]]
    assert values(encoded(palette, transparency=bytes([0, 255]))) == [[[255] * 3, [40, 50, 60]]]
    assert values(encoded(palette.transpose(Image.Transpose.ROTATE_180), transparency=0))[0][1] == [255] * 3


def test_one_transparent_colour_shows_white_at_1_and_8_bits():
    assert values(png(8, GREY, 7, 8, transparent=[7])) == [[255, 8]]
    assert values(png(8, COLOUR, 1, 2, 3, 4, 5, 6, transparent=[1, 2, 3])) == [[[255] * 3, [4, 5, 6]]]
    assert values(png(1, GREY, 0, 1, transparent=[1])) == [[0, 255]]
    assert values(png(1, GREY, 0, 1, transparent=[0])) == [[255, 255]]


@pytest.mark.parametrize(
    "content",
    [
        png(2, GREY, 1, 2, transparent=[1]),
        png(4, GREY, 1, 15, transparent=[1]),
        png(16, COLOUR, 2571, 2571, 2571, 2816, 2816, 2816, transparent=[2571] * 3),
    ],
)
def test_one_transparent_colour_at_other_depths_is_refused(content):
    with pytest.raises(InputError, match="one transparent colour and not 8 bits a channel"):
        read_picture(content)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("stored", [COLOURS[:, :, 0], COLOURS[:, :, 0].astype(np.uint16) * 257], ids=["8", "16"])
def test_an_exif_rotated_photo_is_upright(stored, orientation):
    """The eight EXIF orientations undone by numpy, from their definition: where row 0 and column 0 lie."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert values(encoded(Image.fromarray(stored), exif=exif)) == undo(COLOURS[:, :, 0]).tolist()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encoded(FRAMES[0], save_all=True, append_images=FRAMES[1:]), "has 3 frames"),
        (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), "has 3 frames"),
        (encoded(FRAMES[0], "GIF"), "a GIF"),
        (encoded(FRAMES[0], "TIFF"), "a TIFF"),
        (encoded(Image.new("F", (3, 3)), "TIFF"), "a TIFF"),
        (encoded(Image.new("CMYK", (3, 3)), "JPEG"), "colour mode CMYK"),
        (encoded(STILL)[:-500], "cut off or damaged"),
        (encoded(STILL, "JPEG")[:-500], "cut off or damaged"),
        (encoded(STILL, "BMP")[:-500], "cut off or damaged"),
        (encoded(STILL, "WEBP")[:-100], "cut off or damaged"),
        (b"", "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "web page or an SVG"),
        (b"\n<!DOCTYPE html>", "web page or an SVG"),
        (b"hello", "no picture, or in an unknown format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no picture, or in an unknown format"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_in_one_sentence(tmp_path, content, words):
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        read_picture(tmp_path / "odd.png")
    assert str(tmp_path / "odd.png") in str(error.value) and "\n" not in str(error.value)


def test_too_many_bytes_or_pixels_are_refused_before_decoding(monkeypatch):
    content = encoded(STILL)
    monkeypatch.setattr(limits, "LIMIT_PIXELS", 1599)
    with pytest.raises(InputError, match="is 40x40; the limit is 1,599 pixels"):
        read_picture(content)
    monkeypatch.setattr(sources, "LIMIT_BYTES", len(content) - 1)
    for source in (content, io.BytesIO(content)):
        with pytest.raises(InputError, match="the limit for one picture"):
            read_picture(source)


def test_pictures_at_the_limits_are_read(monkeypatch):
    content = encoded(STILL)
    monkeypatch.setattr(limits, "LIMIT_PIXELS", 1600)
    monkeypatch.setattr(sources, "LIMIT_BYTES", len(content))
    assert read_picture(io.BytesIO(content)).size == (40, 40)


EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = {
    "png": encoded(STILL),
    "jpeg": encoded(STILL, "JPEG"),
    "webp": encoded(STILL, "WEBP"),
    "bmp": encoded(STILL, "BMP"),
    "palette": encoded(STILL.quantize(16), transparency=bytes(range(16))),
    "apng": encoded(FRAMES[0], save_all=True, append_images=FRAMES[1:]),
    "jpeg with exif": encoded(STILL, "JPEG", exif=EXIF),
    "webp with exif": encoded(STILL, "WEBP", exif=EXIF),
    "mpo": encoded(STILL, "MPO", save_all=True, append_images=[STILL]),
}


@pytest.mark.parametrize("seed", range(len(SEEDS)), ids=list(SEEDS))
def test_damaged_pictures_are_arrays_or_input_errors(seed):
    """Every second one is damaged in its first 200 bytes, where the headers are; warnings are errors here."""
    content, random = list(SEEDS.values())[seed], np.random.default_rng(seed)
    refused = 0
    for number in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, min(len(damaged), 200) if number % 2 else len(damaged), random.integers(1, 9)):
            damaged[place] = random.integers(256)
        try:
            assert read_picture(bytes(damaged)).mode in ("L", "RGB")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 5


def test_a_phones_mpo_photo_is_its_first_picture():
    photo, extra = Image.new("RGB", (16, 16), (200, 10, 10)), Image.new("RGB", (16, 16), (0, 0, 255))
    content = encoded(photo, "MPO", save_all=True, append_images=[extra])
    read = np.asarray(read_picture(content))
    np.testing.assert_array_equal(read, np.asarray(read_picture(encoded(photo, "JPEG"))))
