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
    ("arguments", "says"),
    [
        (("sample", "-n", "5", "-o", "out/"), "samples: 5 of 5, 100%"),
        (("sample", "-n", "5", "-o", "x.npy"), "samples: 5 of 5, 100%"),
        (("sample", "-n", "5", "-o", "x.png"), "samples: 5 of 5, 100%"),
        (("decode", "z.npy", "-o", "out/"), "images: 5 of 5, 100%"),
        (("vary", "in/0/0.png", "-n", "5", "-o", "out/"), "variations: 5 of 5, 100%"),
        (("interpolate", "in/0/0.png", "in/1/1.png", "--steps", "5", "-o", "out/"), "images: 5 of 5, 100%"),
        (("encode", "in", "-o", "z.npz"), "pictures: 5 of 5, 100%"),
        (("reconstruct", "in", "-o", "out/"), "pictures: 5 of 5, 100%"),
        (("score", "in"), "pictures: 5 of 5, 100%"),
        (("score", "in", "--tile"), "pictures: 5 of 5, 100%"),
        (("calibrate", "in"), "pictures: 5 of 5, 100%"),
        (("web", "page.html", "--single-file", "--pictures", "in"), "pictures: 5 of 5, 100%"),
        (("verify",), "of at most 0:10:00"),
        (("bench", "--batch", "1", "--threads", "1", "--seconds", "0.01"), "measurements: 30 of 30, 100%"),
        (("doctor",), "providers: "),
    ],
    ids=" ".join,
)
def test_a_terminal_is_shown_how_far_every_verb_is_that_may_take_long(root, folder, inputs, arguments, says):
    if arguments[0] == "web":  # the page has no engine for the graphs of the small model
        folder = root / "artifacts" / "mnist-2d"
    if arguments[0] == "verify":  # its process takes long enough for a tick
        folder = root / "artifacts" / "mnist"
    shown, printed = on_a_terminal(arguments, folder, inputs, quiet_seconds=0)
    assert says in shown and shown.rpartition("\x1b[K")[2].count(says) == 0, shown
    assert says not in printed and "\x1b" not in printed


def test_what_is_done_at_once_shows_nothing(folder, inputs):
    shown, _ = on_a_terminal(("sample", "-n", "60", "-o", "out/"), folder, inputs)
    assert shown == "Wrote 60 samples to out/\r\n"
    assert vae_("sample", "-n", 60, "-m", folder, "-o", f"{inputs}/out/").stderr.count("\n") == 1


def test_a_row_on_the_terminal_takes_the_place_of_the_progress_and_is_no_part_of_its_line(folder, inputs):
    shown, _ = on_a_terminal(("score", "in", "--tile"), folder, inputs, quiet_seconds=0, with_stdout=True)
    rows = [line for line in shown.split("\r\n") if line.endswith(".png")]
    assert len(rows) == 5 and all(re.fullmatch(r"(.*\x1b\[K)? +-?\d+\.\d{3}  in/\d/\d\.png", row) for row in rows), (
        shown
    )


def on_a_terminal(arguments, folder, cwd, *, quiet_seconds=None, with_stdout=False):
    """What the command writes to a terminal, and to its standard output where that is none."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3]), "TERM": "xterm"}
    begin = "import vae_runtime.progress as p; from vae_runtime.__main__ import main; "
    if quiet_seconds is not None:
        begin += f"p.QUIET_SECONDS = p.TERMINAL_SECONDS = {quiet_seconds}; "
        begin += "import vae_runtime.checks.child as c; c._TICK = 0.01; "
    command = [sys.executable, "-c", f"{begin}main()", *arguments, "-m", str(folder)]
    with (
        open(cwd / "printed", "w+b") as printed,
        subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=theirs if with_stdout else printed, stderr=theirs
        ) as process,
    ):
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
    return shown.decode(), (cwd / "printed").read_text()


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
