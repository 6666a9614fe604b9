"""The README's blocks run as they stand, its table is that of the manifests, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from vae_runtime.cli import main, verbs
from vae_runtime.model import manifest as manifests

KINDS = ("float32", "int8")


@pytest.fixture(scope="module")
def text(root):
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def environment(root, tmp_path_factory):
    """The commands `python` and `vae` as a user has them, whatever this process was started as."""
    commands = tmp_path_factory.mktemp("bin")
    for name, arguments in (("python", ""), ("vae", "-m vae_runtime")):
        (commands / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(root)}


def test_the_python_blocks_run(text, environment, tmp_path):
    for block in blocks(text, "python"):
        result = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=environment, capture_output=True)
        assert result.returncode == 0, result.stderr.decode()
    assert (tmp_path / "samples.png").read_bytes()[:4] == b"\x89PNG"


def test_the_shell_blocks_run(text, environment, tmp_path):
    """All but the installations, which .ci/run does in environments of their own."""
    ran = []
    for block in blocks(text, "bash"):
        for line in block.splitlines():
            command = line.rpartition("&& ")[2] if line.startswith("pip ") else line
            if not command.startswith(("vae ", "python ")):
                continue
            result = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True)
            assert result.returncode == 0, f"{command}: {result.stderr.decode()}"
            ran.append(command)
    assert len(ran) >= 10
    for name in ("samples.png", "digit-1.png", "grid.png", "strip.gif", "my-model/manifest.json"):
        assert (tmp_path / name).is_file()
    plots = {path.stem for path in (tmp_path / "runs" / "digits" / "plots").glob("*.png")}
    assert {"samples-grid", "reconstructions", "latent-map", "loss"} <= plots  # the table's words for `vae plot`


def test_ci_installs_in_a_fresh_environment_what_the_readme_tells_to(text, root):
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    lines = "\n".join(blocks(text, "bash")).splitlines()
    installing = [line.partition(" && ")[0] for line in lines if line.startswith("pip ") and " && " in line]
    assert len(installing) == 2 and all(command in script for command in installing), installing


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp", "mnist-2d"])
def test_the_table_is_that_of_the_manifests(text, root, model):
    manifest = manifests.read(root / "artifacts" / model)
    training = manifest.training
    sizes = [sum(graph.get(kind, graph["float32"]).bytes for graph in manifest.graphs.values()) for kind in KINDS]
    cells = [
        f"`{model}`",
        str(manifest.latent_size),
        f"{training['parameters']:,}",
        f"{-training['elbo_nats']:.1f}",
        f"{training['nll_nats']:.1f}",
        *(f"{size / 1e6:.1f} MB" for size in sizes),
        f"{training['int8_elbo_loss_nats']:.2f}",
    ]
    assert f"| {' | '.join(cells)} |" in text


def test_every_verb_and_no_other_is_in_the_table(text):
    assert set(re.findall(r"^\| `vae (\w+)", text, flags=re.MULTILINE)) == set(verbs.MODULES)


@pytest.mark.parametrize("verb", verbs.MODULES)
def test_every_help_ends_with_an_example_of_its_verb(verb):
    result = CliRunner().invoke(main, [verb, "-h"])
    assert result.exit_code == 0
    assert re.search(rf"Examples?:\n +vae {verb} ", result.output)


def test_every_link_leads_to_a_file(root):
    for document in [*root.glob("*.md"), *root.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_no_document_has_a_gap_left_to_fill(root):
    for document in [*root.glob("*.md"), *root.glob("docs/*.md")]:
        assert "@@" not in document.read_text(encoding="utf-8"), document.name
