"""How far work is: nothing at first, then a line that rewrites itself with the time left; in a log a line a minute."""

import io
import os
import sys
from types import SimpleNamespace

import pytest

from vae_runtime import console, progress

ERASE = "\r\x1b[K"


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def with_stderr(monkeypatch, stream):
    """pytest gives each phase of a test a stderr of its own, so that of the module is another."""
    monkeypatch.setattr(console, "sys", SimpleNamespace(stderr=stream, stdout=sys.stdout))
    return stream


@pytest.fixture
def terminal(monkeypatch):
    return with_stderr(monkeypatch, Terminal())


@pytest.fixture
def log(monkeypatch):
    return with_stderr(monkeypatch, io.StringIO())


def work(count, seconds_each, label="pictures"):
    """Things that take so many seconds each."""
    clock = Clock()

    def things():
        for number in range(count):
            clock.now += seconds_each
            yield number

    return list(progress.watched(things(), count, label, clock=clock))


def test_work_of_less_than_two_seconds_shows_nothing(terminal):
    assert work(100, 0.0199) == list(range(100))
    assert terminal.getvalue() == ""


def test_a_terminal_is_shown_the_time_left_after_two_seconds_and_nothing_stays(terminal):
    work(8, 1)
    *shown, last = terminal.getvalue().split(ERASE)[1:]
    assert shown == [
        f"pictures: {done} of 8, {100 * done // 8}%, 0:00:0{8 - done} left" for done in (2, 3, 4, 5, 6, 7, 8)
    ]
    assert last == ""


def test_a_terminal_is_written_to_twice_a_second_at_most(terminal):
    work(10_000, 0.001)
    assert terminal.getvalue().count("left") <= 2 * (10 - 2) + 1


def test_a_log_has_a_line_a_minute_and_none_before(log):
    work(300, 1)
    assert log.getvalue().splitlines() == [
        f"pictures: {done} of 300, {done // 3}%, 0:0{(300 - done) // 60}:00 left" for done in (60, 120, 180, 240, 300)
    ]


def test_work_of_unknown_length_shows_the_time_taken(terminal):
    clock = Clock()
    with progress.waiting("checking m", at_most=600, clock=clock) as tick:
        for _ in range(4):
            tick()
            clock.now += 1
    assert (
        terminal.getvalue()
        == f"{ERASE}checking m: 0:00:02 of at most 0:10:00{ERASE}checking m: 0:00:03 of at most 0:10:00{ERASE}"
    )


def test_other_lines_take_the_place_of_the_text(terminal):
    clock = Clock()
    line = progress.ProgressLine(clock=clock)
    clock.now += 2
    line.show("half")
    console.say("a sentence")
    line.clear()
    assert terminal.getvalue() == f"{ERASE}half{ERASE}a sentence\n"


def test_a_line_without_log_seconds_is_for_terminals_alone(log):
    clock = Clock()
    line = progress.ProgressLine(clock=clock)
    clock.now += 1000
    line.show("half")
    assert log.getvalue() == ""


def test_an_error_takes_the_text_off_the_terminal(terminal):
    clock = Clock()
    with pytest.raises(ValueError, match="no"), progress.progress(3, "pictures", clock=clock) as line:
        clock.now += 5
        line.add()
        raise ValueError("no")
    assert terminal.getvalue().endswith(ERASE)


def test_a_stderr_that_is_closed_or_fails_is_no_matter(monkeypatch):
    class Full(Terminal):
        def write(self, text):
            raise OSError(28, "No space left on device")

    shut = Terminal()
    shut.close()
    for stream in (None, Full(), shut):
        with_stderr(monkeypatch, stream)
        assert work(5, 100) == list(range(5))
        console.say("a sentence")


def test_hours_minutes_and_seconds():
    assert [progress.hours(seconds) for seconds in (0, 59.6, 3599, 360_000)] == [
        "0:00:00",
        "0:01:00",
        "0:59:59",
        "100:00:00",
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
def test_a_command_does_its_work_where_stderr_takes_nothing(root, folder, tmp_path, stderr):
    from tests.runtime.cli.test_errors import shell

    result = shell(f"vae sample -n 2 -m {folder} -o x.png {stderr}", cwd=tmp_path, root=root)
    assert (result.returncode, result.stdout) == (0, "") and (tmp_path / "x.png").exists()
    result = shell(f"vae sample -n 2 -m gone -o y.png {stderr}", cwd=tmp_path, root=root)
    assert (result.returncode, result.stdout) == (4, "")
