"""Processes that checks begin: they import nothing that lies about, and end with the one that began them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vae_runtime.checks import child

ANSWER = """
import os, sys, time
def answer(doing, note=None):
    if note:
        with open(note + ".part", "w") as file:
            file.write(str(os.getpid()))
        os.rename(note + ".part", note)
        time.sleep(60)
    print("a library prints this")
    return eval(doing)
"""
ASK = "import sys; from vae_runtime.checks.child import ask; ask('own_answer', seconds=60, doing='', note=sys.argv[1])"


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_answer.py").write_text(ANSWER)
    monkeypatch.syspath_prepend(tmp_path / "own")
    return tmp_path


def test_a_child_answers_with_what_json_can_say(place):
    assert child.ask("own_answer", seconds=60, doing="{'a': [1, None, 'é']}").answer == {"a": [1, None, "é"]}


def test_a_child_imports_nothing_from_the_working_directory_whatever_the_environment_says(place, monkeypatch):
    for name in ("json", "linecache", "numpy", "os", "runpy", "sitecustomize", "threading", "types", "vae_runtime"):
        (place / f"{name}.py").write_text("open('executed', 'w').close()\nraise ImportError\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("PYTHONPATH", os.pathsep + str(place))
    monkeypatch.setattr(sys, "path", ["", ".", str(place), *sys.path])
    outcome = child.ask("own_answer", seconds=60, doing="[sys.path, __import__('numpy').__file__]")
    assert outcome.answered, outcome
    assert str(place) not in outcome.answer[0] and all(map(os.path.isabs, outcome.answer[0]))
    assert not (place / "executed").exists()


def test_a_child_finds_what_is_on_the_path_of_this_process_and_the_package_it_was_asked_by(place):
    answer = child.ask("own_answer", seconds=60, doing="[sys.path, __import__('vae_runtime').__file__]").answer
    assert answer == [child.trusted_path(), str(Path(child.ROOT) / "vae_runtime" / "__init__.py")]


def test_a_child_that_takes_too_long_is_ended(place):
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        child.ask("own_answer", seconds=1, doing="time.sleep(60)")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_the_process_that_began_it(place, root, number):
    note = place / "note"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(place / "own")])}
    parent = subprocess.Popen([sys.executable, "-c", ASK, note], env=environment)
    while not note.exists():
        assert parent.poll() is None
        time.sleep(0.01)
    pid = int(note.read_text())
    os.kill(pid, 0)
    parent.send_signal(number)
    parent.wait(30)
    for _ in range(1000):
        if not _runs(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("it runs on")


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
