"""A file that was marked is known again as long as no byte of it changed, and says to everybody what it said before."""

import io

import numpy as np
import pytest
from PIL import Image

from vae_runtime.marks import is_marked, mark, mark_list

STILL = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
MOVING = {"save_all": True, "append_images": [STILL.rotate(90)], "duration": 100, "loop": 0}


def saved(kind, **options):
    buffer = io.BytesIO()
    STILL.save(buffer, kind, **options)
    return buffer.getvalue()


def archive():
    buffer = io.BytesIO()
    np.savez(buffer, mean=np.zeros((1, 2)))
    return buffer.getvalue()


MARKED = {
    "PNG": saved("PNG"),
    "moving PNG": saved("PNG", **MOVING),
    "GIF": saved("GIF", **MOVING),
    "JPEG": saved("JPEG"),
    "npz": archive(),
    "HTML": b"<!doctype html>\n<p>page</p>\n",
}
UNMARKED = {"WebP": saved("WEBP"), "BMP": saved("BMP"), "CSV": b"path,mean_0\na.png,1\n", "nothing": b""}


@pytest.mark.parametrize("content", MARKED.values(), ids=list(MARKED))
def test_a_result_is_known_again_until_a_byte_of_it_changes(tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not is_marked(file)
    marked = mark(content)
    file.write_bytes(marked)
    assert is_marked(file) and marked == mark(content)
    for place in range(0, len(marked), max(1, len(marked) // 300)):
        file.write_bytes(marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :])
        assert not is_marked(file), place
    for changed in (marked[:-1], marked + b"\n", marked[: len(marked) // 2]):
        file.write_bytes(changed)
        assert not is_marked(file)


@pytest.mark.parametrize("content", UNMARKED.values(), ids=list(UNMARKED))
def test_a_kind_that_has_no_place_for_a_mark_stays_as_it_is(tmp_path, content):
    assert mark(content) == content
    (tmp_path / "file").write_bytes(content)
    assert not is_marked(tmp_path / "file")


@pytest.mark.parametrize("kind", ["PNG", "moving PNG", "GIF", "JPEG"])
def test_a_marked_picture_is_the_same_picture(kind):
    with Image.open(io.BytesIO(MARKED[kind])) as before, Image.open(io.BytesIO(mark(MARKED[kind]))) as after:
        frames = getattr(before, "n_frames", 1)
        assert getattr(after, "n_frames", 1) == frames == (2 if kind in ("moving PNG", "GIF") else 1)
        for number in range(frames):
            before.seek(number)
            after.seek(number)
            np.testing.assert_array_equal(np.asarray(after.convert("RGB")), np.asarray(before.convert("RGB")))


def test_a_list_is_known_again_by_its_last_line_and_an_empty_one_has_none(tmp_path):
    file, marked = tmp_path / "file", mark_list(["a.png is empty", "ü.png too"])
    *lines, last = marked.decode().splitlines()
    assert lines == ["a.png is empty", "ü.png too"] and last.startswith("# vae-runtime ")
    file.write_bytes(marked)
    assert is_marked(file) and mark_list([]) == b""
    for place in range(len(marked)):
        file.write_bytes(marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :])
        assert not is_marked(file), place
    for changed in (marked[:-1], marked + b"more\n", b"more\n" + marked):
        file.write_bytes(changed)
        assert not is_marked(file)


def test_a_marked_archive_holds_the_same_arrays():
    with np.load(io.BytesIO(mark(MARKED["npz"]))) as arrays:
        assert arrays["mean"].tolist() == [[0, 0]]
