"""Golden vectors and latents are read to the letter: nothing twice, nothing packed, nothing of another type or size."""

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from fuzz.disks import hostile_folders
from fuzz.engines import expensive
from tests.runtime.web.test_host import NODE, asked
from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import IntegrityError
from vae_runtime.checks.verify import replay_work, verify
from vae_runtime.cli import main
from vae_runtime.cli.latents import from_npz
from vae_runtime.errors import InputError
from vae_runtime.model import limits
from vae_runtime.model.memory import Footprint
from vae_runtime.npz import ArraysError, read_npy, read_npz

ODD = hostile_folders.goldens(LinearGaussian.make().golden().to_bytes())


@pytest.mark.parametrize("name", ODD)
def test_golden_vectors_that_are_none_of_the_format_are_refused(folder, name):
    hostile_folders.put(folder, "golden.npz", ODD[name])
    with pytest.raises(IntegrityError, match=r"golden\.npz does not hold the golden vectors of the format: ") as error:
        verify(folder, providers="cpu", threads=1, precision="float32")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_the_page_refuses_the_same_golden_vectors(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    sent = [np.frombuffer(content, np.uint8) for content in (LinearGaussian.make().golden().to_bytes(), *ODD.values())]
    sound, *odd = asked(*(("model/golden", "readGolden", content, manifest, []) for content in sent))
    assert set(sound) == set(LinearGaussian.make().golden().arrays)
    for name, answer in zip(ODD, odd, strict=True):
        # Beyond 1 is for the model to say there; bytes before an archive are not looked for.
        if name not in ("of images beyond 1", "with bytes before it"):
            assert isinstance(answer, str) and "golden.npz does not hold the golden vectors" in answer, name


def test_a_check_that_would_take_too_long_is_refused(folder, monkeypatch):
    monkeypatch.setattr(limits, "USUAL", limits.USUAL._replace(replay=1000))
    with pytest.raises(IntegrityError, match=r"golden\.npz takes [\d,]+ multiplications to check, more than 1,000"):
        verify(folder, providers="cpu", threads=1, precision="float32")


def test_the_work_of_a_check_grows_with_images_draws_and_graphs():
    graphs = {"encoder": Footprint(0, 0, 1000, 1), "decoder": Footprint(0, 0, 10, 1)}
    one = replay_work(graphs, (1, 2, 3), 2, 1, 1)
    dearer = {**graphs, "encoder": Footprint(0, 0, 1001, 1)}
    # Replayed three times, and on one thread and on several in batches of 1, of 2, 3 and 5.
    assert replay_work(dearer, (1, 2, 3), 2, 1, 1) == one + 3 + 2
    assert replay_work(dearer, (1, 2, 3), 2, 5, 1) == replay_work(graphs, (1, 2, 3), 2, 5, 1) + 5 * (3 + 2 * 4)
    assert replay_work({**graphs, "detector": Footprint(0, 0, 7, 1)}, (1, 2, 3), 2, 1, 1) == one + 7 * (1 + 2)
    assert replay_work(graphs, (1, 2, 3), 2, 1, 2) > one


def bomb(count):
    """A small archive of so many zeros."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, z=np.zeros((count, 2), np.float32))
    return buffer.getvalue()


def test_latents_that_unpack_to_more_than_the_limit_are_refused_unread(monkeypatch):
    assert from_npz(bomb(1000), "z.npz").shape == (1000, 2)
    monkeypatch.setattr(limits, "LATENTS_BYTES", 5000)
    with pytest.raises(InputError, match=r"z\.npz is not .* \(its arrays have more than 5,000 bytes\)"):
        from_npz(bomb(1000), "z.npz")


@pytest.mark.parametrize("place", ["-", "z.npy"])
def test_no_more_of_a_file_or_of_standard_input_is_read_than_latents_may_have(folder, tmp_path, monkeypatch, place):
    monkeypatch.setattr(limits, "LATENTS_BYTES", 5000)
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((5000, 2), np.float32))
    (tmp_path / "z.npy").write_bytes(buffer.getvalue())
    done = CliRunner().invoke(main, ["decode", place, "-o", "x.png", "-m", str(folder)], input=buffer.getvalue())
    assert done.exit_code == 2 or isinstance(done.exception, InputError)
    assert f"{place} has more than 5,000 bytes, the limit for latents; decode them in parts." in str(
        done.output + str(done.exception)
    )


def test_latents_come_from_a_file_or_a_pipe_and_an_array_that_nobody_asked_for_is_left(folder, tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, z=np.zeros((2, 2), np.float32), other=np.array([{}], object))
    (tmp_path / "z.npz").write_bytes(buffer.getvalue())
    vae_("decode", tmp_path / "z.npz", "-o", tmp_path / "x.png", "-m", folder)
    vae_("decode", "-", "-o", tmp_path / "y.png", "-m", folder, input=buffer.getvalue())
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


def npy(header, content=b""):
    """An .npy file of a header as it stands."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\3\0" + bytes(100),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", bytes(4)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", bytes(12)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", bytes(4)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        npy("{'descr': '|V0', 'fortran_order': False, 'shape': (9,), }"),
        npy("{'descr': 'nothing', 'fortran_order': False, 'shape': (1,), }", bytes(4)),
        npy("{'descr': [1], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
        npy("(" * 3000, bytes(4)),
        npy("{", bytes(4)),
    ],
)
def test_an_array_that_is_none_is_an_error_of_ours(content):
    with pytest.raises(ArraysError):
        read_npy(content)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_what_was_saved(order):
    buffer, array = io.BytesIO(), np.arange(12, dtype=np.float64).reshape(3, 4, order=order)
    np.save(buffer, array)
    np.testing.assert_array_equal(read_npy(buffer.getvalue()), array)


def test_an_archive_of_what_is_no_array_is_an_error_of_ours():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("z.npy", b"text")
    with pytest.raises(ArraysError):
        read_npz(buffer.getvalue(), 100)
    with pytest.raises(ArraysError, match="expected an array named z or mean"):
        read_npz(bomb(1).replace(b"z.npy", b"y.npy"), 100, first_of=("z", "mean"))


def test_hostile_folders_begin_from_one_that_passes(tmp_path):
    folder = hostile_folders.write(tmp_path / "model", expensive.sound_decoder())
    assert verify(folder, providers="cpu", threads=1, precision="float32").passed
    shutil.rmtree(folder)
