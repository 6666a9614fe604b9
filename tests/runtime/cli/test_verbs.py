"""The list of verbs: what `vae -h` shows of them, what each needs to be installed, and how quickly both are known."""

import subprocess
import sys

import click
import pytest

from vae_runtime.cli import main, verbs
from vae_runtime.cli.extras import MODULES

HEAVY = {"torch", "numpy", "PIL", "onnx", "onnxscript", "onnxruntime", "safetensors", "sklearn", "matplotlib", "scipy"}
HIDING = """
import sys
from importlib.abc import MetaPathFinder

class Hiding(MetaPathFinder):  # a package that is not installed is neither found nor imported
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

class Missing:
    @staticmethod
    def find_spec(name, package=None):
        return None if name in {hidden} else real(name, package)

import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = Missing.find_spec
sys.meta_path.insert(0, Hiding())
sys.argv = {argv}
from vae_runtime.__main__ import main
main()
"""


def without(hidden, *arguments, cwd):
    """The command where some packages are not installed."""
    code = HIDING.format(hidden=set(hidden), argv=["vae", *map(str, arguments)])
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)


def loaded(*arguments):
    """Which heavy packages the command imports until it ends."""
    code = (
        "import sys\nfrom vae_runtime.__main__ import main\n"
        f"sys.argv = {['vae', *arguments]}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print({HEAVY} & set(sys.modules), file=sys.stderr)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr


def test_every_verb_is_in_one_of_three_groups_with_its_first_sentence_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    help_text = main.get_help(click.Context(main, info_name="vae", terminal_width=80))
    for title, names in verbs.GROUPS.items():
        assert f"{title}:" in help_text
        for name in names:
            sentence = verbs.load(name).help.partition("\n")[0]
            assert sentence.endswith("."), name
            assert any(line.split(maxsplit=1) == [name, sentence] for line in help_text.splitlines()), name


@pytest.mark.parametrize("arguments", [("-h",), *((verb, "-h") for verb in verbs.MODULES)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments):
    assert loaded(*arguments) == "set()\n"


@pytest.mark.parametrize("verb", verbs.EXTRAS)
def test_a_verb_that_needs_an_extra_says_so_first_and_in_one_line(verb, tmp_path):
    result = without(["torch", "onnx"], verb, "nothing", "--no-such-option", cwd=tmp_path)
    needed = [module for module in MODULES[verbs.EXTRAS[verb]] if module in ("torch", "onnx")]
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == (
        f"vae: error: vae {verb} needs {', '.join(needed)}; install what is missing with: "
        f"pip install 'vae-runtime[{verbs.EXTRAS[verb]}]'\n"
    )
    assert without(["torch"], verb, "-h", cwd=tmp_path).returncode == 0


def test_a_verb_of_the_export_extra_does_not_ask_for_what_training_alone_needs(tmp_path):
    result = without(["sklearn", "matplotlib"], "export", tmp_path, tmp_path / "model", cwd=tmp_path)
    assert result.returncode == 2 and "config.json" in result.stderr


@pytest.mark.parametrize("verb", [verb for verb in verbs.MODULES if verb not in verbs.EXTRAS])
def test_a_light_verb_needs_no_extra(verb, tmp_path):
    result = without(MODULES["train"], verb, "--no-such-option", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "") and "No such option" in result.stderr
