"""Every `python -m benchmarks…` and `python -m fuzz…` that a document or a docstring names is there and takes it."""

import importlib
import importlib.util
import re
import shlex

import click
import pytest

COMMAND = re.compile(r"python -m ((?:benchmarks|fuzz)(?:\.\w+)*)((?: +(?:-{1,2}\w|'|[\w./])[^\s`|)>#;]*(?:'[^']*')?)*)")
NEEDS_MORE = {"fuzz.guided": "atheris"}

HISTORY = ("CHANGELOG.md", "DECISIONS.md")  # these keep the names that things had


def commands(root):
    """Module and arguments of each, once."""
    pages = [page for page in (*root.glob("*.md"), *root.glob("docs/*.md")) if page.name not in HISTORY]
    code = [path for room in ("benchmarks", "fuzz", "vae_runtime") for path in (root / room).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in [*pages, *code]]
    return sorted({(module, words.strip()) for text in texts for module, words in COMMAND.findall(text)})


def starts(module, words):
    """Import the module and let its command take the words; what they name need not be there."""
    place = f"{module}.__main__" if importlib.util.find_spec(module).submodule_search_locations else module
    command = importlib.import_module(place).main
    assert isinstance(command, click.Command)
    _, too_many, _ = command.make_parser(click.Context(command)).parse_args(shlex.split(words))
    assert not too_many, f"{module} takes no {too_many}"


def test_each_documented_module_starts(root):
    named = commands(root)
    assert len(named) > 40
    for module, words in named:
        assert importlib.util.find_spec(module), module
        if importlib.util.find_spec(NEEDS_MORE.get(module, "click")):
            starts(module, words)


def test_a_module_or_an_option_that_there_is_not_is_noticed():
    assert COMMAND.findall("Try `python -m fuzz.disks.models x --count 3` now") == [
        ("fuzz.disks.models", " x --count 3")
    ]
    with pytest.raises(click.NoSuchOption):
        starts("fuzz.disks.models", "x --counts 3")
    with pytest.raises(AssertionError, match="takes no"):
        starts("fuzz.disks.models", "x y")
