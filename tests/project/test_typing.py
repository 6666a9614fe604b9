"""What callers write type-checks: programs of theirs, against the installed package, under mypy --strict."""

import subprocess
import sys

import pytest

pytest.importorskip("mypy")

GOOD = """
import gzip
import io
import tempfile
import urllib.request
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from PIL import Image

from vae_runtime import VAE, read_images, write_image

vae = VAE.load()
spec = vae.manifest.image


def uploaded(file: IO[bytes], other: BinaryIO) -> bytes:
    read_images(file, spec)
    read_images([file, other], spec)
    buffer = io.BytesIO()
    write_image(buffer, vae.sample(1)[0], format="WEBP")
    write_image(file, vae.sample(1)[0])
    return buffer.getvalue()


read_images("a.png", spec)
read_images(Path("a.png"), spec)
read_images(b"", spec)
read_images(["a.png", Path("b.png"), b"", io.BytesIO(), Image.new("L", (2, 2))], spec)
read_images(Image.open("a.png"), spec)
read_images((Path(name) for name in "ab"), spec)
with tempfile.SpooledTemporaryFile() as spooled, tempfile.NamedTemporaryFile() as named, gzip.open("a.gz") as packed:
    read_images([spooled, named], spec)
    read_images(spooled, spec)
    read_images(packed, spec)
with urllib.request.urlopen("http://localhost") as answer, open("a.png", "rb") as opened, open("b.png", "wb") as target:
    read_images(opened, spec)
    write_image(target, vae.sample(1)[0])
write_image(Path("a.png"), vae.sample(1)[0])
scores: np.ndarray = vae.score(read_images("a.png", spec))
"""

BAD = """
import io

from vae_runtime import VAE, read_images, write_image

vae = VAE.load()
read_images(5, vae.manifest.image)
read_images(["a.png", None], vae.manifest.image)
write_image(io.StringIO(), vae.sample(1)[0])
VAE("my-model")
"""


@pytest.mark.parametrize(("program", "errors"), [(GOOD, 0), (BAD, 4)], ids=["good", "bad"])
def test_a_callers_program_is_checked_strictly(root, tmp_path, program, errors):
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", root / ".mypy_cache" / "programs", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    reported = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(reported) == errors and all("program.py" in line for line in reported), done.stdout + done.stderr
