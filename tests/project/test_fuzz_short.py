"""`python -m fuzz` runs fuzzers that are there, and says what they find."""

import importlib.util

from click.testing import CliRunner

from fuzz.__main__ import SHORT, main


def test_every_short_form_is_of_a_fuzzer():
    for name in SHORT:
        assert importlib.util.find_spec(f"fuzz.{name}"), name


def test_a_run_that_finds_nothing_says_so(root, monkeypatch):
    monkeypatch.chdir(root)
    result = CliRunner().invoke(main, ["anomalies.calibrations"])
    assert result.exit_code == 0 and "nothing found" in result.output and "calibrations" in result.output


def test_a_run_that_finds_something_shows_it_and_fails(root, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setitem(SHORT, "disks.models", ("nowhere", "--count", "1"))
    result = CliRunner().invoke(main, ["disks.models"])
    assert result.exit_code == 1 and "found something" in result.output and "nowhere" in result.output
