"""Pictures in and out: one documented rule for each odd file, and nothing but an InputError for the rest."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from vae_runtime import ImageSpec, InputError, from_uint8, image_grid, read_images, to_uint8, write_image
from vae_runtime.files import write_file
from vae_runtime.pictures import reading
from vae_runtime.pictures.fitting import fit_picture
from vae_runtime.pictures.reading import read_picture
from vae_runtime.pictures.writing import write_animation

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def encoded(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def test_all_bytes_survive_the_way_to_numbers_and_back():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
    np.testing.assert_array_equal(from_uint8(every), [np.float32(v) / np.float32(255) for v in range(256)])


def test_pixels_are_divided_by_255_not_multiplied_by_its_inverse():
    every = np.arange(256, dtype=np.uint8)
    assert (from_uint8(every) != every.astype(np.float32) * np.float32(1 / 255)).sum() == 126


def test_numbers_are_clipped_and_halves_go_to_even():
    numbers = np.array([-3, -0.0, 0.5 / 255, 1.5 / 255, 2.5 / 255, 1.0, 7.0])
    assert to_uint8(numbers).tolist() == [0, 0, 0, 2, 2, 255, 255]


@pytest.mark.parametrize("pixels", [np.zeros(3), np.zeros(3, np.int64), [1, 2]])
def test_from_uint8_takes_bytes_alone(pixels):
    with pytest.raises(InputError, match="expected uint8"):
        from_uint8(pixels)


@pytest.mark.parametrize("images", [np.zeros(3, np.uint8), np.array([np.nan]), np.array([np.inf])])
def test_to_uint8_takes_finite_floats_alone(images):
    with pytest.raises(InputError):
        to_uint8(images)


def test_a_grid_lays_images_out_row_by_row():
    images = np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1, 1).repeat(2, 2).repeat(3, 3)  # each 2 high, 3 wide
    grid = image_grid(images, columns=2, gap=1)
    assert grid.shape == (1, 3 * 3 + 1, 2 * 4 + 1)
    assert [grid[0, 1 + 3 * (i // 2), 1 + 4 * (i % 2)] for i in range(5)] == [1, 2, 3, 4, 5]
    assert not grid[0, 0].any() and not grid[0, :, 4].any() and grid.sum() == 6 * 15
    assert image_grid(images).shape == (1, 2 * 4 + 2, 3 * 5 + 2)
    assert image_grid(images[:0]).shape == (1, 6, 7)


@pytest.mark.parametrize("images", [np.zeros((2, 3)), np.zeros((1, 1, 2, 2), np.uint8)])
def test_a_grid_takes_float_images(images):
    with pytest.raises(InputError, match="expected float"):
        image_grid(images)


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_are_read_exactly(format, options):
    picture = read_picture(encoded(Image.fromarray(COLOURS), format, **options))
    np.testing.assert_array_equal(np.asarray(picture), COLOURS)


def test_a_jpeg_is_read_nearly():
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(64, 0)
    found = np.asarray(read_picture(encoded(Image.fromarray(smooth), "JPEG", quality=95)))
    assert np.abs(found.astype(int) - smooth).max() <= 3


def test_a_path_bytes_and_an_open_file_give_the_same(tmp_path):
    path, spec = tmp_path / "a.png", ImageSpec(shape=(3, 6, 8), mode="RGB")
    path.write_bytes(encoded(Image.fromarray(COLOURS)))
    expected = from_uint8(COLOURS.transpose(2, 0, 1))[None]
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), file, [path], (item for item in [path])):
            np.testing.assert_array_equal(read_images(source, spec), expected)
    assert read_images([], spec).shape == (0, 3, 6, 8)


def test_sixteen_bit_grey_keeps_its_256_levels():
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = np.asarray(read_picture(encoded(Image.fromarray(deep))))
    np.testing.assert_array_equal(found, np.rint(deep / 257).astype(np.uint8))


def test_a_palette_is_expanded():
    palette = Image.fromarray(COLOURS).quantize(48)
    np.testing.assert_array_equal(np.asarray(read_picture(encoded(palette))), np.asarray(palette.convert("RGB")))


def test_one_bit_is_black_and_white():
    bits = Image.fromarray(np.eye(5, dtype=np.uint8) * 255).convert("1")
    np.testing.assert_array_equal(np.asarray(read_picture(encoded(bits))), np.eye(5, dtype=np.uint8) * 255)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparency_shows_white(format):
    layers = np.zeros((1, 3, 4), np.uint8)
    layers[0, :, 3] = 0, 128, 255  # black, ever more opaque
    found = np.asarray(read_picture(encoded(Image.fromarray(layers, "RGBA"), format, lossless=True)))
    np.testing.assert_allclose(found[0, :, 0], [255, 127, 0], atol=1)


def test_transparent_grey_and_palettes_show_white_too():
    grey = Image.fromarray(np.zeros((1, 1, 2), np.uint8), "LA")
    assert read_picture(encoded(grey)).getpixel((0, 0)) == 255
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    found = read_picture(encoded(palette, transparency=0))
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (40, 50, 60)]
    grey = Image.fromarray(np.array([[7, 8]], np.uint8))
    found = read_picture(encoded(grey, transparency=7))
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [255, 8]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation):
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
    stored, exif = COLOURS[:, :, 0], Image.Exif()
    exif[0x0112] = orientation
    found = read_picture(encoded(Image.fromarray(stored), exif=exif))
    np.testing.assert_array_equal(np.asarray(found), undo(stored))


FRAMES = [Image.new("L", (4, 4), shade) for shade in (0, 100, 200)]
STILL = Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3), dtype=np.uint8))


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
    monkeypatch.setattr(reading, "LIMIT_PIXELS", 1599)
    with pytest.raises(InputError, match="is 40x40; the limit is 1,599 pixels"):
        read_picture(content)
    monkeypatch.setattr(reading, "LIMIT_BYTES", len(content) - 1)
    with pytest.raises(InputError, match="the limit for one picture"):
        read_picture(content)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "nothing.png", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_picture(path)


@pytest.mark.parametrize(("format", "seed"), [("PNG", 1), ("JPEG", 2), ("WEBP", 3), ("BMP", 4)])
def test_damaged_pictures_are_arrays_or_input_errors(format, seed):
    content, random = encoded(STILL, format), np.random.default_rng(seed)
    refused = 0
    for _ in range(250):
        damaged = bytearray(content)
        for place in random.integers(0, len(damaged), random.integers(1, 9)):
            damaged[place] = random.integers(256)
        try:
            assert read_picture(bytes(damaged)).mode in ("L", "RGB")
        except InputError:
            refused += 1
    assert refused > 5


def test_stretching_by_boxes_takes_block_means():
    picture = RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)
    found = fit_picture(Image.fromarray(picture), ImageSpec(shape=(1, 3, 2)))
    means = picture.reshape(3, 2, 2, 4).mean((1, 3))
    assert found.shape == (1, 3, 2) and np.abs(found[0] - means).max() <= 1


def test_cropping_keeps_the_middle_and_padding_keeps_all():
    wide = np.repeat(np.array([[10, 20, 30, 40]], np.uint8), 2, 0)
    crop = fit_picture(Image.fromarray(wide), ImageSpec(shape=(1, 2, 2), fit="crop"))
    pad = fit_picture(Image.fromarray(wide), ImageSpec(shape=(1, 4, 4), fit="pad"))
    assert crop[0].tolist() == [[20, 30], [20, 30]]
    assert pad[0].tolist() == [[0] * 4, [10, 20, 30, 40], [10, 20, 30, 40], [0] * 4]


def test_padding_a_line_keeps_it_visible():
    for size, line in (((1, 1000), (slice(None), 2)), ((1000, 1), (2, slice(None)))):
        found = fit_picture(Image.new("L", size, 200), ImageSpec(shape=(1, 4, 4), fit="pad"))[0]
        assert (found[line] == 200).all() and found.sum() == 4 * 200


def test_padding_is_pillows_where_pillow_pads():
    for size in ((30, 17), (17, 30), (9, 9), (100, 7)):
        picture = Image.fromarray(RANDOM.integers(0, 256, size[::-1], dtype=np.uint8))
        found = fit_picture(picture, ImageSpec(shape=(1, 12, 16), fit="pad"))[0]
        np.testing.assert_array_equal(found, np.asarray(ImageOps.pad(picture, (16, 12), Image.Resampling.BOX)))


def test_inversion_comes_before_padding():
    white = Image.new("L", (4, 2), 255)
    found = fit_picture(white, ImageSpec(shape=(1, 4, 4), fit="pad", invert=True))
    assert not found.any()


def test_colour_becomes_grey_by_the_published_weights():
    found = fit_picture(Image.fromarray(COLOURS), ImageSpec(shape=(1, 6, 8)))[0]
    red, green, blue = (COLOURS[..., channel].astype(int) for channel in range(3))
    np.testing.assert_array_equal(found, (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)


def test_grey_becomes_three_equal_channels():
    found = fit_picture(Image.new("L", (2, 2), 9), ImageSpec(shape=(3, 2, 2), mode="RGB"))
    assert (found == 9).all() and found.shape == (3, 2, 2)


@pytest.mark.parametrize(
    "changes", [{"shape": (3, 2, 2)}, {"shape": (1, 0, 2)}, {"mode": "CMYK"}, {"fit": "zoom"}, {"resample": "magic"}]
)
def test_a_spec_that_makes_no_sense_is_refused(changes):
    with pytest.raises(InputError, match="image\\."):
        ImageSpec(**{"shape": (1, 2, 2), **changes})


@pytest.mark.parametrize("channels", [1, 3])
def test_a_written_png_is_read_back_with_its_text(tmp_path, channels):
    image = from_uint8(RANDOM.integers(0, 256, (channels, 5, 7), dtype=np.uint8))
    write_image(tmp_path / "a.png", image, text={"vae.seed": "7"})
    spec = ImageSpec(shape=(channels, 5, 7), mode={1: "L", 3: "RGB"}[channels])
    np.testing.assert_array_equal(read_images(tmp_path / "a.png", spec)[0], image)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text == {"vae.seed": "7"}


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.bmp"])
def test_the_suffix_chooses_the_format(tmp_path, name):
    write_image(tmp_path / name, np.zeros((1, 4, 4), np.float32), text={"a": "b"})
    with Image.open(tmp_path / name) as picture:
        assert picture.format == {"a.jpg": "JPEG", "a.webp": "WEBP", "a.bmp": "BMP"}[name]


@pytest.mark.parametrize(("name", "frames"), [("a.gif", 4), ("a.apng", 4)])
def test_an_animation_goes_there_and_back(tmp_path, name, frames):
    write_animation(
        tmp_path / name, np.linspace(0, 1, 3, dtype=np.float32).reshape(3, 1, 1, 1).repeat(4, 2).repeat(4, 3)
    )
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == frames and picture.info["loop"] == 0
        picture.seek(2)
        assert picture.convert("L").getpixel((0, 0)) == 255


@pytest.mark.parametrize(
    ("path", "image", "words"),
    [
        ("a.tiff", np.zeros((1, 2, 2)), "suffix '.tiff'"),
        ("a", np.zeros((1, 2, 2)), "suffix ''"),
        ("nowhere/a.png", np.zeros((1, 2, 2)), "does not exist"),
        ("folder.png", np.zeros((1, 2, 2)), "is a directory"),
        ("a.png", np.zeros((2, 2)), "has shape"),
        ("a.png", np.zeros((2, 2, 2)), "has shape"),
        ("a.png", np.full((1, 2, 2), np.nan), "NaN"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, path, image, words):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=words):
        write_image(tmp_path / path, image)
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    path = tmp_path / "a.txt"
    write_file(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left") as error:
            write_file(path, b"new")
    assert error.value.filename == str(path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_write_keeps_permissions_and_links_and_devices(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new" and target.stat().st_mode & 0o777 == 0o640
    write_file(os.devnull, b"gone")
    assert not Path(os.devnull).is_file()
    plain = tmp_path / "plain"
    plain.touch()
    write_file(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode
