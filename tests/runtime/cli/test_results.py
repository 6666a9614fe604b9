"""Folders of results: every file whole for who looks, none synced by itself, and a bar where somebody watches."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import vae_
from vae_runtime import VAE, read_images, write_image
from vae_runtime.pictures.reading import read_picture


@pytest.fixture
def inputs(folder, tmp_path):
    """Five pictures in two folders, and their latents."""
    vae = VAE.load(folder)
    for number, image in enumerate(vae.sample(5, seed=3)):
        path = tmp_path / "in" / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image)
    np.save(tmp_path / "z.npy", np.linspace(-1, 1, 5 * vae.latent_size, dtype=np.float32).reshape(5, -1))
    return tmp_path


MANY = {
    "sample": ("sample", "-n", 5, "-o", "out/"),
    "sample, numbered": ("sample", "-n", 5, "-o", "x-%02d.png"),
    "decode": ("decode", "z.npy", "-o", "out/"),
    "vary": ("vary", "in/0/0.png", "-n", 5, "-o", "out/"),
    "interpolate": ("interpolate", "in/0/0.png", "in/1/1.png", "--steps", 5, "-o", "out/"),
    "reconstruct": ("reconstruct", "in", "-o", "out/"),
    "reconstruct, numbered": ("reconstruct", "in", "-o", "x-%02d.png"),
    "encode": ("encode", "in", "-o", "out/"),
    "score": ("score", "in", "--maps", "out/"),
}


@pytest.mark.parametrize("arguments", MANY.values(), ids=list(MANY))
def test_files_of_a_folder_of_results_are_renamed_into_place_and_not_synced(folder, inputs, monkeypatch, arguments):
    monkeypatch.chdir(inputs)
    synced, renamed, replace = [], [], os.replace
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(os, "replace", lambda source, target: renamed.append(source) or replace(source, target))
    vae_(*arguments, "-m", folder)
    assert len(renamed) == 5 and all(str(name).endswith(".tmp") for name in renamed)
    assert not synced


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "-n", 5, "-o", "x.png"),
        ("sample", "-n", 5, "-o", "x.npy"),
        ("encode", "in", "-o", "x.npz"),
        ("interpolate", "in/0/0.png", "in/1/1.png", "-o", "x.gif"),
    ],
)
def test_a_file_by_itself_is_synced_with_its_folder(folder, inputs, monkeypatch, arguments):
    monkeypatch.chdir(inputs)
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle) or fsync(handle))
    vae_(*arguments, "-m", folder)
    assert len(synced) == 2


def test_who_looks_meanwhile_sees_whole_pictures(folder, tmp_path):
    out, stop, seen = tmp_path / "out", threading.Event(), []

    def look():
        while not stop.is_set():
            seen.extend(read_picture(path).size for path in out.glob("[!.]*.png"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for seed in range(4):
            vae_("sample", "-n", 100, "--seed", seed, "-m", folder, "-o", f"{out}/")
    finally:
        stop.set()
        looking.join()
    assert len(set(seen)) == 1


def test_who_is_interrupted_leaves_whole_pictures_and_nothing_else(folder, tmp_path, monkeypatch):
    replace, names = os.replace, []

    def interrupted(source, target):
        if len(names) == 3:
            raise KeyboardInterrupt
        names.append(os.path.basename(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    vae_("sample", "-n", 9, "-m", folder, "-o", f"{tmp_path}/out/", code=1)
    assert sorted(os.listdir(tmp_path / "out")) == names == ["000000.png", "000001.png", "000002.png"]
    spec = VAE.load(folder).manifest.image
    np.testing.assert_array_equal(
        read_images(sorted((tmp_path / "out").iterdir()), spec), np.rint(VAE.load(folder).sample(3) * 255) / 255
    )


def test_an_empty_file_which_a_power_cut_may_leave_is_not_left_out_as_done(folder, inputs):
    arguments = ("reconstruct", inputs / "in", "-m", folder, "-o", f"{inputs}/out/", "--skip-existing")
    vae_(*arguments)
    (inputs / "out" / "0" / "2.png").write_bytes(b"")
    assert "Left out 4 that are there" in vae_(*arguments).stderr
    assert read_picture(inputs / "out" / "0" / "2.png")


def test_results_do_not_depend_on_how_many_are_made_at_once(folder, inputs, monkeypatch):
    vae = VAE.load(folder)
    made = {}
    for at_once in (256, 2):
        monkeypatch.setattr("vae_runtime.cli.making.AT_ONCE", at_once)
        for name, arguments in (
            ("grid.png", ("sample", "-n", 5, "--start", 3)),
            ("array.npy", ("sample", "-n", 5, "--start", 3)),
            ("vary.png", ("vary", inputs / "in" / "0" / "0.png", "-n", 5, "--seed", 1)),
            ("decode.png", ("decode", inputs / "z.npy")),
        ):
            vae_(*arguments, "-m", folder, "-o", inputs / name, "--overwrite")
            made.setdefault(name, []).append((inputs / name).read_bytes())
    assert all(one == other for one, other in made.values())
    np.testing.assert_array_equal(np.load(inputs / "array.npy"), vae.sample(5, start=3))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (("sample", "-n", "{}", "-o", "out/"), "samples"),
        (("sample", "-n", "{}", "-o", "x-{}.npy"), "samples"),
        (("sample", "-n", "{}", "-o", "x.png"), "samples"),
        (("decode", "{}.npy", "-o", "out/"), "images"),
        (("vary", "in/0/0.png", "-n", "{}", "-o", "out/"), "variations"),
        (("interpolate", "in/0/0.png", "in/1/1.png", "--steps", "{}", "-o", "out/"), "images"),
    ],
)
def test_a_terminal_is_shown_how_far_a_verb_is_and_only_where_many_are_made(folder, inputs, arguments, label):
    for count in (51, 50):
        np.save(inputs / f"{count}.npy", np.zeros((count, VAE.load(folder).latent_size), np.float32))
        shown = on_a_terminal([part.format(count) for part in arguments], folder, inputs)
        assert bool(re.search(rf"{label} .*100%", shown)) == (count == 51), shown
        assert f"Wrote {count} " in shown


def test_a_file_is_shown_no_bar(folder, tmp_path):
    assert vae_("sample", "-n", 60, "-m", folder, "-o", f"{tmp_path}/out/").stderr.count("\n") == 1


def on_a_terminal(arguments, folder, cwd):
    """What the command writes to a terminal."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3]), "TERM": "xterm"}
    command = [sys.executable, "-m", "vae_runtime", *arguments, "-m", str(folder)]
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def test_samples_beyond_the_last_one_are_the_first_again(tmp_path):
    """With 256 or more left to draw, the verb failed half way with some of its files written."""
    last = 2**64 - 2
    model = Path(__file__).resolve().parents[3] / "artifacts" / "mnist-2d"
    vae_("sample", "-n", 4, "--start", last, "-m", model, "-o", tmp_path / "s-%d.png")
    names = {f"s-{number}.png" for number in (last, last + 1, 0, 1)}
    assert {path.name for path in tmp_path.iterdir()} == names
    vae_("sample", "-n", 2, "-m", model, "-o", tmp_path / "first-%d.png")
    for number in (0, 1):
        assert (tmp_path / f"s-{number}.png").read_bytes() == (tmp_path / f"first-{number}.png").read_bytes()
    vae_("sample", "-n", 300, "--start", last, "-m", model, "-o", tmp_path / "all.npy")
    assert np.load(tmp_path / "all.npy").shape == (300, 1, 28, 28)
    for option in ("--start", "--seed"):
        for number in (-1, 2**64, 1.5):
            assert (
                f"Invalid value for '{option}'"
                in vae_("sample", option, number, "-o", tmp_path / "x.png", code=2).stderr
            )
