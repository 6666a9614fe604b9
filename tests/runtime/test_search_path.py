"""Commands import nothing from the working directory or a model's folder, however they are begun."""

import os
import re
import site
import subprocess
import sys

import pytest

from fuzz.machine import planted
from vae_runtime import search_path


def test_no_verb_executes_a_module_that_lies_about_or_in_the_model():
    assert planted.run(["sample", "verify"]) == []


def test_the_command_begins_where_the_path_is_cleaned(root):
    assert "from vae_runtime.__main__ import main" in planted.launcher()


def test_what_is_imported_before_that_imports_nothing(root):
    for name in ("__init__", "__main__", "search_path"):
        text = (root / "vae_runtime" / f"{name}.py").read_text()
        before = text.partition("if TYPE_CHECKING:")[0].partition("def main")[0]
        imported = set(re.findall(r"^(?:from|import) (\S+)", before, re.MULTILINE))
        assert imported <= {"os", "sys", ".search_path"}, name


def test_relative_entries_and_the_working_directory_leave_the_path(tmp_path, monkeypatch):
    link, other = tmp_path / "link", tmp_path / "other"
    (tmp_path / "here").mkdir()
    other.mkdir()
    link.symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    path = ["", ".", "lib", str(tmp_path / "here"), str(link), f"{tmp_path}/other/../here", str(other), "/none.zip", 5]
    monkeypatch.setattr(sys, "path", path)
    search_path.leave_out_working_directory()
    assert sys.path == [str(other), "/none.zip"]


def test_pythons_own_places_stay_even_where_one_stands_in_them(monkeypatch):
    for place in (os.path.dirname(os.__file__), site.getsitepackages()[0]):
        monkeypatch.chdir(place)
        monkeypatch.setattr(sys, "path", ["", place])
        assert search_path.trusted_path() == [place]


def test_a_working_directory_that_is_gone_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(sys, "path", ["", str(tmp_path)])
    assert search_path.trusted_path() == [str(tmp_path)]


def test_importing_the_library_leaves_path_and_signals_alone():
    code = (
        "import signal, sys; path = list(sys.path); usual = [signal.getsignal(n) for n in (2, 15)]\n"
        "from vae_runtime import VAE; import vae_runtime.cli; VAE.load().sample(1)\n"
        "print(path == sys.path, usual == [signal.getsignal(n) for n in (2, 15)])"
    )
    environment = {**os.environ, "PYTHONPATH": search_path.ROOT}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr


@pytest.mark.parametrize("verb", ["compare", "export", "sample"])
def test_commands_of_a_checkout_run_in_its_root_without_modules_that_lie_there(root, tmp_path, verb):
    """A copy of the packages' own folders, as links, and a numpy.py beside them."""
    for name in ("train", "export", "vae_runtime"):
        (tmp_path / name).symlink_to(root / name)
    for name in ("click", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w').close()\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "vae_runtime", verb, "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and f"Usage: vae {verb}" in done.stdout, done.stderr
    assert not (tmp_path / "executed").exists()
