"""Shell completion: what bash, zsh and fish offer, asked of the shells themselves where they are installed."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from vae_runtime.cli import verbs

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def environment(root, tmp_path):
    """The command `vae` as a user has it, in a folder with a picture and a model."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "vae"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vae_runtime "$@"\n')
    command.chmod(0o755)
    (tmp_path / "photo.png").touch()
    (tmp_path / "photos").mkdir()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'train'}{os.pathsep}{root / 'export'}",
    }


def offered(shell, words, environment, cwd):
    """Lines of what click says for a command line that ends with the word to complete."""
    *before, last = words
    if shell == "fish":
        asked = {"COMP_WORDS": shlex.join(words), "COMP_CWORD": last}
    else:
        asked = {"COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(before))}
    asked["_VAE_COMPLETE"] = f"{shell}_complete"
    done = subprocess.run(["vae"], env={**environment, **asked}, cwd=cwd, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_verbs_options_and_choices_are_offered(shell, environment, tmp_path):
    assert "score" in offered(shell, ["vae", "sc"], environment, tmp_path)
    assert "sample" not in offered(shell, ["vae", "sc"], environment, tmp_path)
    assert "--preset" in offered(shell, ["vae", "train", "--pre"], environment, tmp_path)
    presets = offered(shell, ["vae", "train", "--preset", "mlp"], environment, tmp_path)
    assert "mlp-2d" in presets and "conv" not in presets


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["vae", "score", "pho"], "file"),
        (["vae", "decode", "lat"], "file"),
        (["vae", "train", "pho"], "file"),
        (["vae", "sample", "-o", "pho"], "file"),
        (["vae", "sample", "-m", "pho"], "dir"),
        (["vae", "export", "pho"], "dir"),
    ],
)
def test_paths_are_left_to_the_shell(words, kind, environment, tmp_path):
    assert offered("bash", words, environment, tmp_path) == f"{kind},{words[-1]}\n"


def test_completing_loads_nothing_heavy(environment, tmp_path):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print({'torch', 'numpy', 'onnx', 'PIL'} & set(sys.modules), file=sys.stderr))\n"
        "from vae_runtime.__main__ import main\n"
        "main()"
    )
    for words in ("vae t", "vae train --", *(f"vae {verb} -" for verb in verbs.MODULES)):
        asked = {"_VAE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", code], env={**environment, **asked}, capture_output=True, text=True
        )
        assert (done.stderr, bool(done.stdout)) == ("set()\n", True), words


def test_bash_completes_with_the_line_that_the_documents_give(environment, tmp_path):
    """Bash's own protocol: the function that the line defines fills COMPREPLY."""
    code = (
        'eval "$(_VAE_COMPLETE=bash_source vae)"\n'
        "COMP_WORDS=(vae inter) COMP_CWORD=1\n"
        '_vae_completion vae inter vae && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("interpolate\n", "")


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_takes_the_line_that_the_documents_give(environment, tmp_path):
    code = (
        'autoload -Uz compinit && compinit -u -D\neval "$(_VAE_COMPLETE=zsh_source vae)"\nprint -r -- "${_comps[vae]}"'
    )
    done = subprocess.run(["zsh", "-f", "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("_vae_completion\n", "")


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_with_the_line_that_the_documents_give(environment, tmp_path):
    code = '_VAE_COMPLETE=fish_source vae | source; complete -C "vae inter"; complete -C "vae score pho"'
    home = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["fish", "--no-config", "-c", code], env={**environment, **home}, cwd=tmp_path, capture_output=True, text=True
    )
    lines = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert lines == ["interpolate", "photo.png", "photos/"], done.stderr
