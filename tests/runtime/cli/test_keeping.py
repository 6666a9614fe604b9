"""Files that others wrote stay, results of an earlier run are replaced: every verb knows them apart before it works."""

import os
import re
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from fuzz.disks import outputs as fuzzer
from tests.support.commands import vae_
from vae_runtime.cli import main, trees
from vae_runtime.cli.options import ModelChoice

KEPT = "there already, and nothing shows that"


@pytest.fixture
def here(photos, folder, tmp_path, monkeypatch):
    """A folder with pictures, latents, and a model that VAE_MODEL names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_MODEL", str(folder))
    shutil.copytree(photos, "in")
    np.savez("latents.npz", mean=np.zeros((3, 2), np.float32))
    return tmp_path


VERBS = {
    "sample": ("sample", "-n", 3),
    "decode": ("decode", "latents.npz"),
    "vary": ("vary", "in/a.png", "-n", 3),
    "interpolate": ("interpolate", "in/a.png", "in/e.png", "--steps", 3),
    "reconstruct": ("reconstruct", "in/a.png", "in/e.png"),
}
WRITES = [(verb, name) for verb in VERBS for name in ("new.png", "new.jpg", "n-%d.png", "new/")]
WRITES += [("encode", "new.npz"), ("encode", "new/"), ("interpolate", "new.gif"), ("interpolate", "new.apng")]
ENCODE = {"encode": ("encode", "in")}


@pytest.mark.parametrize(("verb", "output"), WRITES)
def test_the_same_command_twice_replaces_its_own_results_and_no_edited_one(here, verb, output):
    before = set(here.rglob("*"))
    arguments = ({**VERBS, **ENCODE}[verb], "-o", output)
    vae_(*arguments[0], *arguments[1:])
    vae_(*arguments[0], *arguments[1:])
    made = sorted(path for path in set(here.rglob("*")) - before if path.is_file())
    edited = made[0].read_bytes() + b"edited"
    made[0].write_bytes(edited)
    assert KEPT in vae_(*arguments[0], *arguments[1:], code=2).stderr
    assert made[0].read_bytes() == edited
    vae_(*arguments[0], *arguments[1:], "--overwrite")
    assert made[0].read_bytes() != edited


@pytest.mark.parametrize(
    "arguments",
    [
        *((*arguments, "-o", "holiday.jpg") for arguments in VERBS.values()),
        ("sample", "-o", "numbers.npy"),
        ("encode", "in", "-o", "latents.npz"),
        ("encode", "in", "--format", "csv", "-o", "table.csv"),
        ("encode", "in", "--format", "jsonl", "-o", "table.csv/../%d.jsonl"),
        ("score", "in", "--errors", "table.csv"),
        ("calibrate", "in", "-m", "model", "--errors", "table.csv"),
        ("web", "page.html", "--single-file"),
    ],
)
def test_a_file_of_somebody_else_stays_and_no_work_is_begun(here, monkeypatch, arguments):
    for name in ("holiday.jpg", "numbers.npy", "table.csv", "page.html", "%d.jsonl"):
        (here / name).write_bytes(b"somebody's")
    os.mkdir("table.csv.d")
    arguments = [
        argument.replace("table.csv/..", "table.csv.d/..") if isinstance(argument, str) else argument
        for argument in arguments
    ]
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    monkeypatch.setattr("vae_runtime.vae.VAE.sample", None)
    monkeypatch.setattr("vae_runtime.vae.VAE.encode", None)
    result = vae_(*arguments, code=2)
    assert result.stdout == "" and result.stderr.count("\n") == 1
    assert (
        "is there already, and nothing shows that it is the result of an earlier run; write elsewhere, or "
        "replace it with --overwrite." in result.stderr
    )
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_a_sample_over_a_photograph_is_refused_before_the_model_is_opened(here, monkeypatch):
    (here / "holiday.jpg").write_bytes(b"somebody's")
    monkeypatch.setattr(ModelChoice, "open", None)
    assert KEPT in vae_("sample", "-o", "holiday.jpg", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("reconstruct", "in", "-o", "out/"), ("a.png", "b/c.png")),
        (("score", "in", "--maps", "out"), ("a.png", "b/c.png")),
        (("encode", "in", "-o", "out/"), ("a.png.npz", "b/c.png.npz")),
        (("sample", "-n", 9, "--start", 5, "-o", "out/"), ("000005.png", "000013.png")),
        (("reconstruct", "in", "-o", "out/%d.png"), ("0.png", "3.png")),
    ],
)
def test_of_a_folder_all_files_in_the_way_are_counted_and_the_first_named(here, arguments, names):
    for name in (*names, "not-in-the-way.png", "000004.png"):
        (here / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "out" / name).write_bytes(b"somebody's")
    (here / "out" / "empty.png").write_bytes(b"")
    before = sorted(os.listdir("out"))
    assert f"2 files such as out/{names[0]} are {KEPT} they are results" in vae_(*arguments, code=2).stderr
    assert sorted(os.listdir("out")) == before
    vae_(*arguments, "--overwrite")
    assert (here / "out" / "not-in-the-way.png").read_bytes() == b"somebody's" != (here / "out" / names[0]).read_bytes()


def test_what_is_skipped_is_not_in_the_way_and_what_is_empty_is_made(here):
    os.mkdir("out")
    (here / "out" / "a.png").write_bytes(b"somebody's")
    (here / "out" / "e.png").write_bytes(b"")
    assert "Left out 1 " in vae_("reconstruct", "in", "-o", "out/", "--skip-existing").stderr
    assert (here / "out" / "a.png").read_bytes() == b"somebody's" and (here / "out" / "e.png").stat().st_size


def test_a_device_is_written_to_as_it_is(here):
    vae_("encode", "in", "-o", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_list_of_errors_is_none_of_the_inputs_or_results_and_an_old_one_says_no_more_what_is_not_so(here):
    (here / "broken.png").write_bytes(b"<html>")
    os.mkdir("out")
    arguments = ("reconstruct", "in/a.png", "broken.png", "-o", "out/", "--errors")
    assert "is one of the inputs" in vae_(*arguments, "in/a.png", code=2).stderr
    assert "given for the results and for --errors" in vae_(*arguments, "out/../out/a.png", code=2).stderr
    assert "does not exist" in vae_(*arguments, "no/such/list", code=2).stderr
    assert not os.listdir("out")
    vae_(*arguments, "list", code=1)
    noted = (here / "list").read_text()
    assert re.fullmatch(r"broken\.png is a web page .*\n# vae-runtime [0-9a-f]{64}\n", noted)
    vae_(*arguments, "list", "--skip-existing", code=1)
    assert (here / "list").read_text() == noted
    (here / "list").write_text(f"to be looked at\n{noted}")
    assert KEPT in vae_(*arguments, "list", code=2).stderr
    (here / "list").write_text(noted)
    vae_("reconstruct", "in/a.png", "-o", "out/", "--errors", "list")
    assert (here / "list").read_bytes() == b""


def test_parts_of_a_set_write_over_neither_inputs_nor_results_of_each_other(here):
    for part in ("1/2", "2/2"):
        vae_("reconstruct", "in", "-o", "n-%d.png", "--shard", part)
    vae_("reconstruct", "in", "-o", "whole-%d.png")
    for number in range(4):
        assert (here / f"n-{number}.png").read_bytes() == (here / f"whole-{number}.png").read_bytes()
    shutil.copytree("in", "other")
    assert (
        "two inputs would"
        in vae_("reconstruct", "in/a.png", "other/a.png", "-o", "x/", "--shard", "1/2", code=2).stderr
    )
    shutil.copy("in/a.png", "1.png")
    shutil.copy("in/a.png", "0.png")
    assert (
        "is one of the inputs" in vae_("reconstruct", "0.png", "1.png", "-o", "%d.png", "--shard", "1/2", code=2).stderr
    )


@pytest.mark.parametrize("output", ["in/out/", "in/grid.png", "in/n-%d.png", "same/deep/", "in/../in/x.png"])
def test_results_that_the_next_run_would_read_are_refused(here, output):
    os.symlink("in", "same")
    assert (
        "one of the pictures of in the next time; write elsewhere."
        in vae_("reconstruct", "in", "-o", output, code=2).stderr
    )
    assert sorted(os.listdir("in")) == ["a.png", "b", "e.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "in", "-o", "in/z.npz"),
        ("reconstruct", "in", "-o", "in/.grid.png"),
        ("reconstruct", "in/a.png", "-o", "in/x/"),
    ],
)
def test_results_that_it_would_not_read_may_lie_there(here, arguments):
    before = (here / "in" / "a.png").read_bytes()
    vae_(*arguments)
    assert os.path.exists(arguments[-1]) and (here / "in" / "a.png").read_bytes() == before


def test_names_that_differ_by_case_are_one_file_where_the_file_system_says_so(here, monkeypatch):
    (here / "probe").mkdir()
    (here / "probe" / "a").write_bytes(b"")
    assert trees._ignores_case(here / "probe" / "not" / "yet") == (here / "probe" / "A").exists()
    assert os.listdir("probe") == ["a"]
    for name in ("x/a.png", "y/A.png", "z/a.png"):
        (here / name).parent.mkdir()
        shutil.copy("in/a.png", name)
    monkeypatch.setattr(trees, "_ignores_case", lambda folder: False)
    vae_("reconstruct", "x/a.png", "y/A.png", "-o", "out/")
    assert "two inputs" in vae_("reconstruct", "y/A.png", "x/a.png", "z/a.png", "-o", "third/", code=2).stderr
    monkeypatch.setattr(trees, "_ignores_case", lambda folder: True)
    assert "two inputs" in vae_("reconstruct", "x/a.png", "y/A.png", "-o", "fourth/", code=2).stderr


def test_standard_output_that_goes_on_in_an_input_is_refused(here, root):
    before = (here / "in" / "a.png").read_bytes()
    with open("in/a.png", "ab") as picture:
        command = [sys.executable, "-m", "vae_runtime", "score", "in/e.png", "in/a.png"]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        done = subprocess.run(command, stdout=picture, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 2 and b"standard output goes to one of the inputs" in done.stderr
    assert (here / "in" / "a.png").read_bytes() == before


def test_a_name_that_would_get_too_long_is_said_before_any_work(here):
    shutil.copy("in/a.png", "in/" + "n" * 251 + ".bmp")
    assert "a name of more than 255 bytes; rename it." in vae_("reconstruct", "in", "-o", "out/", code=2).stderr
    assert not (here / "out").exists()


def test_a_plot_of_the_trainer_keeps_files_of_others_too(here, root):
    (here / "plot.png").write_bytes(b"somebody's")
    arguments = ["compare", str(root / "artifacts" / "mnist-2d" / "checkpoint"), "--plot", "plot.png"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and KEPT in result.stderr and result.stdout == ""
    assert (here / "plot.png").read_bytes() == b"somebody's"
    for extra in (["--overwrite"], []):
        assert CliRunner().invoke(main, [*arguments, *extra]).exit_code == 0
    assert (here / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_of_one_file_is_replaced_by_itself(here, root):
    pages = set()
    for _ in range(2):
        vae_("web", "page.html", "--single-file", "-m", root / "artifacts" / "mnist-2d", "--precision", "int8")
        pages.add((here / "page.html").read_bytes())
    assert len(pages) == 1


def test_no_random_choice_of_inputs_and_outputs_loses_a_file(root, monkeypatch):
    monkeypatch.chdir(root)
    codes, wrong = fuzzer.run(120, 0)
    assert not wrong and {0, 2} <= codes.keys()
