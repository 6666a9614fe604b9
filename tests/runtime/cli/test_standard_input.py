"""One picture, or one file of latents, comes through standard input; what else follows is never dropped in silence."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import vae_
from vae_runtime.pictures.second import second_picture

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (15, 23, 3), dtype=np.uint8))
EXIF = b"Exif\0\0II*\0" + bytes(50) + b"\xff\xd8\xff\xe0 a small picture of its own \xff\xd9"
KINDS = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "jpeg with a thumbnail": ("JPEG", {"exif": EXIF}),
    "jpeg with restarts": ("JPEG", {"restart_marker_rows": 1}),
    "webp": ("WEBP", {}),
    "bmp": ("BMP", {}),
}


def saved(kind, picture=NOISE):
    form, options = KINDS.get(kind, (kind, {}))
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_picture_is_found_by_the_lengths_of_the_first(kind):
    first = saved(kind)
    for other in (*KINDS, "GIF", "TIFF"):
        for between in (b"", b"\n", b"\0" * 7):
            assert second_picture(first + between + saved(other)) == len(first) + len(between)


@pytest.mark.parametrize("kind", KINDS)
def test_what_else_follows_a_picture_is_no_second_one(kind):
    for more in (b"", b"\0" * 30, b"\r\n", b"SEFT and other trailers", b"\0\0\0\x18ftypmp42 a short film"):
        assert second_picture(saved(kind) + more) is None
    for damaged in (saved(kind)[:-9], saved(kind)[:20], b"", b"no picture"):
        assert second_picture(damaged) is None


@pytest.mark.parametrize("verb", [("score", "-"), ("encode", "-", "-o", "OUT"), ("vary", "-", "-o", "OUT")])
def test_two_pictures_on_standard_input_are_refused_and_nothing_is_written(root, tmp_path, verb):
    arguments = [tmp_path / "x.png" if part == "OUT" else part for part in verb]
    content = saved("png") + saved("jpeg")
    result = vae_(*arguments, "-m", root / "artifacts" / "mnist", input=content, code=2)
    assert f"<stdin> holds more than one picture, the second from byte {len(saved('png')):,} on" in result.stderr
    assert not list(tmp_path.iterdir())


def test_one_picture_is_taken_and_so_is_a_file_that_holds_more(root, tmp_path):
    model = ("-m", root / "artifacts" / "mnist", "--format", "csv")
    alone = vae_("score", "-", *model, input=saved("png")).stdout.splitlines()[1].split(",")
    (tmp_path / "two.png").write_bytes(saved("png") + saved("jpeg"))  # cameras append pictures to a picture's file
    of_file = vae_("score", tmp_path / "two.png", *model).stdout.splitlines()[1].split(",")
    assert set(alone) & set(of_file)  # the score


def test_latents_that_go_on_are_refused(tmp_path):
    def content(save, count):
        buffer = io.BytesIO()
        save(buffer, np.zeros((count, 40), np.float32))
        return buffer.getvalue()

    for save, words in (
        (np.save, "goes on after its array"),
        (lambda file, z: np.savez(file, z=z), "before its arrays"),
    ):
        result = vae_("decode", "-", "-o", tmp_path / "x.png", input=content(save, 1) + content(save, 2), code=2)
        assert words in result.stderr
        vae_("decode", "-", "-o", tmp_path / "x.png", input=content(save, 1))
