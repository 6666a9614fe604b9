"""Folders of many pictures: shards that together are one run, few in memory, errors in a file, nothing done twice."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import vae_
from vae_runtime.cli import inputs
from vae_runtime.pictures.ahead import AHEAD, ahead


@pytest.fixture
def tree(tmp_path):
    """150 small pictures in folders, five of them broken."""
    random = np.random.default_rng(0)
    for number in range(150):
        path = tmp_path / "in" / f"{number % 3}" / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 30 == 7:
            path.write_bytes(b"broken")
        else:
            Image.fromarray(random.integers(0, 256, (6, 9), dtype=np.uint8)).save(path)
    return tmp_path / "in"


def scores(text):
    return {row["path"]: row["score_nats"] for row in map(json.loads, text.splitlines())}


def test_every_picture_is_scored_and_every_failure_counted(folder, tree, tmp_path):
    arguments = ("score", tree, "-m", folder, "--format", "jsonl", "--errors", tmp_path / "errors.txt")
    result = vae_(*arguments, code=1)
    assert len(scores(result.stdout)) == 145 and result.stderr.endswith("vae: 145 done, 5 failed.\n")
    *lines, mark = (tmp_path / "errors.txt").read_text().splitlines()
    assert len(lines) == 5 and all("is no picture" in line for line in lines) and mark.startswith("# vae-runtime ")


def test_shards_together_are_one_run(folder, tree):
    whole = vae_("score", tree, "-m", folder, "--format", "jsonl", code=1).stdout
    parts = [
        vae_("score", tree, "-m", folder, "--format", "jsonl", "--shard", f"{part}/4", code=None).stdout
        for part in (1, 2, 3, 4)
    ]
    together = {}
    for part in parts:
        assert not together.keys() & scores(part).keys()
        together |= scores(part)
    assert together == scores(whole)
    for shard in ("0/4", "5/4", "x", "1", "1/0"):
        assert "no part such as 2/8" in vae_("score", tree, "-m", folder, "--shard", shard, code=2).stderr


def test_a_folder_is_mirrored_and_what_is_there_is_left(folder, tree, tmp_path):
    vae_("reconstruct", tree, "-m", folder, "-o", f"{tmp_path}/out/", code=1)
    made = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png")}
    assert len(made) == 145 and all((tree / path).exists() for path in made)
    for path in sorted(made)[:100]:
        os.utime(tmp_path / "out" / path, (1, 1))
    (tmp_path / "out" / sorted(made)[-1]).unlink()
    result = vae_("reconstruct", tree, "-m", folder, "-o", f"{tmp_path}/out/", "--skip-existing", code=1)
    assert "Left out 144" in result.stderr and (tmp_path / "out" / sorted(made)[-1]).exists()
    assert all(os.stat(tmp_path / "out" / path).st_mtime == 1 for path in sorted(made)[:100])


def test_latents_mirror_a_folder_as_they_stand_in_one_file(folder, tree, tmp_path):
    vae_("encode", tree, "-m", folder, "-o", tmp_path / "all.npz", code=1)
    vae_("encode", tree, "-m", folder, "-o", f"{tmp_path}/each/", code=1)
    with np.load(tmp_path / "all.npz") as whole:
        for path, mean, logvar in zip(whole["path"], whole["mean"], whole["logvar"], strict=True):
            with np.load(f"{tmp_path}/each/{os.path.relpath(path, tree)}.npz") as one:
                assert np.array_equal(one["mean"], mean) and np.array_equal(one["logvar"], logvar)
        table = vae_("encode", tree, "-m", folder, "-o", "-", "--format", "csv", code=1).stdout.splitlines()
        size = whole["mean"].shape[1]
        rows = [line.split(",") for line in table]
        assert rows[0] == ["path", *(f"{part}_{k}" for part in ("mean", "logvar") for k in range(size))]
        latents = np.array([row[1:] for row in rows[1:]], np.float32)
        assert np.array_equal(latents, np.concatenate([whole["mean"], whole["logvar"]], axis=1))
    again = vae_("encode", tree, "-m", folder, "-o", f"{tmp_path}/each/", "--skip-existing", code=1)
    assert "Left out 145" in again.stderr and again.stderr.endswith("vae: 0 done, 5 failed.\n")


def test_pictures_that_have_a_map_are_not_scored_again(folder, tree, tmp_path):
    arguments = ("score", tree / "0", "-m", folder, "--format", "csv", "--maps", tmp_path / "maps", "--skip-existing")
    assert len(vae_(*arguments, code=None).stdout.splitlines()) > 40
    (tmp_path / "maps" / "003.png").unlink()
    assert [line.split(",")[0] for line in vae_(*arguments, code=None).stdout.splitlines()] == [
        "path",
        str(tree / "0" / "003.png"),
    ]


def test_two_inputs_of_one_name_are_refused_before_any_work(folder, tree, tmp_path):
    one, other = tree / "0" / "000.png", tmp_path / "000.png"
    other.write_bytes(one.read_bytes())
    assert (
        "two inputs would both" in vae_("reconstruct", one, other, "-m", folder, "-o", f"{tmp_path}/o/", code=2).stderr
    )


def test_few_pictures_are_in_memory_at_once(tree, monkeypatch):
    """No more are decoded than one batch, and those that wait, ahead of who takes them."""
    decoded, taken = 0, 0

    def count(item):
        nonlocal decoded
        decoded += 1
        return item

    for _ in ahead(count, range(500), workers=2):
        taken += 1
        assert decoded <= taken + AHEAD
    assert taken == 500


def test_order_is_kept_and_an_error_comes_at_its_place():
    assert list(ahead(lambda x: x * x, range(100), workers=3)) == [x * x for x in range(100)]
    values = []
    with pytest.raises(ZeroDivisionError):
        for value in ahead(lambda x: 1 / (5 - x), range(10), workers=2):
            values.append(value)
    assert len(values) == 5
    assert inputs.BATCH == 64
