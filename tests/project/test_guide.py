"""The first lines of docs/YOUR_OWN_VAE.md run as they stand, and the page tells of every kind of file."""

import os
import re
import subprocess
import sys

import pytest
from vae_export.cli.foreign import KINDS

from vae_runtime import VAE


@pytest.fixture(scope="module")
def text(root):
    return (root / "docs" / "YOUR_OWN_VAE.md").read_text(encoding="utf-8")


def block(text, language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    return found


def test_the_first_lines_of_python_make_a_model_that_verifies_and_samples(text, root, tmp_path):
    python = block(text, "python")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", python], cwd=tmp_path, env=environment, check=True, timeout=120)
    for line in block(text, "bash").splitlines():
        verb = [sys.executable, "-m", "vae_runtime", *line.split()[1:]]
        subprocess.run(verb, cwd=tmp_path, env=environment, check=True, timeout=120)
    assert (tmp_path / "samples.png").read_bytes()[:4] == b"\x89PNG"
    manifest = VAE.load(tmp_path / "my-model").manifest
    assert manifest.has_elbo
    # Its pictures are uniform noise, whose standard deviation is the least error of whoever does not know them.
    assert 12**-0.5 < manifest.likelihood.sigma < 0.4


def test_the_table_has_a_command_for_every_kind_of_file(text):
    assert set(re.findall(r"^\| [^|]+\| `vae export --from (\w+)", text, flags=re.MULTILINE)) == set(KINDS)
