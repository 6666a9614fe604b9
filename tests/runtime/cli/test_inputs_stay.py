"""What is read is never written over: not by a folder on itself, a number, a link or another case."""

import os
import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.commands import vae_
from tests.train.data.test_survey import write
from vae_runtime import VAE, write_image
from vae_runtime.cli import main


@pytest.fixture
def mine(photos, tmp_path):
    """Pictures of one's own, and a name for each way to reach the first of them."""
    folder = shutil.copytree(photos, tmp_path / "mine")
    shutil.copy(folder / "a.png", folder / "000001.png")
    os.symlink(folder / "a.png", tmp_path / "link.png")
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("reconstruct", "{mine}", "-o", "{mine}/"),
        ("reconstruct", "{mine}", "-o", "{mine}/%06d.png"),
        ("reconstruct", "{mine}/a.png", "-o", "{mine}/a.png"),
        ("reconstruct", "{mine}/a.png", "-o", "{mine}/../link.png"),
        ("reconstruct", "{mine}/../link.png", "-o", "{mine}/a.png"),
        ("score", "{mine}", "--maps", "{mine}"),
        ("encode", "{mine}/a.png", "-o", "{mine}/a.png"),
        ("encode", "{mine}", "--format", "csv", "-o", "{mine}/e.png"),
        ("vary", "{mine}/a.png", "-n", "3", "-o", "{mine}/a.png"),
        ("vary", "{mine}/000001.png", "-n", "3", "-o", "{mine}/"),
        ("interpolate", "{mine}/a.png", "{mine}/e.png", "-o", "{mine}/e.png"),
    ],
)
def test_an_output_that_is_an_input_is_refused_and_nothing_is_lost(mine, root, arguments):
    before = contents(mine)
    filled = [part.format(mine=mine) for part in arguments]
    result = vae_(*filled, "-m", root / "artifacts" / "mnist-2d", code=2)
    said = r"is one of the inputs, and would be overwritten|would be one of the pictures of \S* the next time"
    assert re.search(f"({said}); write elsewhere\\.", result.stderr)
    assert contents(mine) == before


def test_latents_are_not_decoded_over_themselves(root, tmp_path):
    vae_("encode", _picture(root, tmp_path), "-m", root / "artifacts" / "mnist-2d", "-o", tmp_path / "z.npz")
    os.rename(tmp_path / "z.npz", tmp_path / "000000.png")
    before = (tmp_path / "000000.png").read_bytes()
    vae_("decode", tmp_path / "000000.png", "-m", root / "artifacts" / "mnist-2d", "-o", f"{tmp_path}/", code=2)
    assert (tmp_path / "000000.png").read_bytes() == before


def test_other_files_beside_the_inputs_are_written_as_ever(mine, root):
    """JPEGs become .jpg.png, so that a folder may hold both; numbers that nothing has are free."""
    os.rename(mine / "a.png", mine / "a.jpg")  # by content it is what it was
    before = contents(mine)
    vae_("reconstruct", mine / "a.jpg", "-m", root / "artifacts" / "mnist-2d", "-o", f"{mine}/")
    vae_("vary", mine / "a.jpg", "-n", 2, "-m", root / "artifacts" / "mnist-2d", "-o", mine / "new-%d.png")
    after = contents(mine)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} == {"a.jpg.png", "new-0.png", "new-1.png"}


def test_a_run_inside_its_own_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(4):
        write(tmp_path / "photos", number, (30, 30), colour=True)
    os.symlink(tmp_path / "photos", tmp_path / "same")
    for out in ("photos/run", "photos", "same/deep/run"):
        result = CliRunner().invoke(main, ["fit", "--data", str(tmp_path / "photos"), "--out", str(tmp_path / out)])
        assert result.exit_code == 2 and "would be trained on; choose an --out elsewhere" in result.output
    assert len(list((tmp_path / "photos").iterdir())) == 4


def _picture(root, folder):
    vae = VAE.load(root / "artifacts" / "mnist-2d", threads=1)
    write_image(folder / "picture.png", np.ascontiguousarray(vae.sample(1)[0]))
    return folder / "picture.png"
