"""The man page says what the commands say, and formatters take it without a word."""

import importlib.util
import shutil
import subprocess

import pytest

from vae_runtime.cli import verbs


@pytest.fixture(scope="module")
def page(root):
    spec = importlib.util.spec_from_file_location("manual", root / "docs" / "manual.py")
    manual = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(manual)
    return manual.page()


def test_the_page_in_the_tree_is_the_one_that_the_commands_give(page, root):
    there = (root / "docs" / "vae.1").read_text(encoding="utf-8")
    assert there == page, "out of date; make it anew: python docs/manual.py > docs/vae.1"


def test_every_verb_and_option_is_in_it(page):
    for name in verbs.MODULES:
        assert f"\n.SS vae {name} " in page
        for parameter in verbs.load(name).params:
            for option in (option for option in parameter.opts if option.startswith("--")):
                assert option.replace("-", "\\-") in page


@pytest.mark.parametrize(
    "formatter",
    [
        ["mandoc", "-Tlint", "-Wwarning"],
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
    ],
    ids=lambda formatter: formatter[0],
)
def test_formatters_find_nothing_wrong(page, tmp_path, formatter):
    if not shutil.which(formatter[0]):
        pytest.skip(f"{formatter[0]} is not installed")
    (tmp_path / "vae.1").write_text(page)
    done = subprocess.run([*formatter, "vae.1"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
