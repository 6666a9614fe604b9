"""Memory for pictures is shared by all threads: each waits for its turn, and gives back what it took."""

import os
import struct
import threading

import pytest
from PIL import Image

from fuzz.machine import extremes
from tests.support.picture_files import STILL, encoded
from vae_runtime import InputError
from vae_runtime.pictures import limits
from vae_runtime.pictures.reading import open_picture, read_picture

PNG, CHUNK = extremes.png, extremes.chunk


PRIVATE_MEGABYTE = CHUNK(b"abCd", bytes(2**20))


def test_threads_wait_for_each_others_memory_in_the_order_in_which_they_come():
    allowance, order = limits._Allowance(100), []
    first, second = threading.Event(), threading.Event()

    def take(size, name):
        with allowance.take(size):
            order.append(name)

    with allowance.take(60):
        large, small = (threading.Thread(target=take, args=pair) for pair in ((50, "large"), (10, "small")))
        large.start()
        while not allowance._turn.locked():
            first.wait(0.001)
        small.start()
        second.wait(0.05)
        assert order == []  # the small one has room, and waits behind the large one
    large.join(10)
    small.join(10)
    assert sorted(order) == ["large", "small"]
    with allowance.take(100):
        pass


def test_memory_is_free_again_after_any_end():
    before = limits._allowance._left
    with open_picture(encoded(STILL)):
        assert limits._allowance._left < before
    with pytest.raises(InputError):
        read_picture(encoded(STILL)[:-500])
    with pytest.raises(ZeroDivisionError), open_picture(encoded(STILL)):
        raise ZeroDivisionError
    assert limits._allowance._left == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_all_of_the_memory_though_another_thread_held_it():
    with limits.memory(limits.LIMIT_MEMORY):
        child = os.fork()
        if not child:
            with limits.memory(limits.LIMIT_MEMORY):
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize(
    ("content", "alone"),
    [
        (encoded(STILL), False),
        (encoded(STILL, "WEBP"), False),
        (extremes.webp(8, 8, chunks=b"ABCD" + struct.pack("<I", 2**21) + bytes(2**21)), True),
        (PNG(8, 8, 8, 0, before=PRIVATE_MEGABYTE), True),
    ],
    ids=["PNG", "WebP", "large WebP", "metadata"],
)
def test_what_is_costly_to_open_has_all_of_the_memory_before(monkeypatch, content, alone):
    """Pillow copies a whole WebP, and keeps metadata, before it says how large the picture is."""
    left, real = [], Image.open

    def noting(*arguments, **options):
        left.append(limits._allowance._left)
        return real(*arguments, **options)

    monkeypatch.setattr(Image, "open", noting)
    read_picture(content)
    assert left == [0 if alone else limits.LIMIT_MEMORY] and limits._allowance._left == limits.LIMIT_MEMORY
