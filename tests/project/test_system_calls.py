"""What the system is asked for: no network, no file written but the named one. Traced, so Linux with strace."""

import os
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")

NETWORK = re.compile(r"^\S+\s+(?:\[pid +\d+\] )?(socket|connect|bind|sendto|getaddrinfo)\(")
WRITES = re.compile(
    r"(?<![a-z])(?:openat?|creat|mkdir(?:at)?|rename(?:at2?)?|unlink(?:at)?|symlink(?:at)?|link(?:at)?)\((.*)"
)
PATH = re.compile(r'"([^"]*)"')


def traced(folder, *arguments):
    """The network and file calls of a command and all that it starts; CI, which hides telemetry, is not set."""
    trace = folder.parent / "trace.txt"
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(folder.parent / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=network,file"]
    done = subprocess.run(
        [*command, sys.executable, "-m", "vae_runtime", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return trace.read_text(errors="replace").splitlines()


def written(lines):
    """Paths that are opened for writing, made, renamed or removed."""
    paths = set()
    for line in lines:
        match = WRITES.search(line)
        if match and "= -1 " not in line:
            opens = "open" in line.split("(")[0]
            if not opens or re.search(r"O_WRONLY|O_RDWR|O_CREAT", line):
                paths |= set(PATH.findall(match[1]))
    return paths


@pytest.mark.parametrize("verb", ["sample", "encode", "score", "verify", "doctor"])
def test_no_network_and_no_file_but_the_one_that_was_named(photos, tmp_path, verb):
    out = tmp_path / "out"
    out.mkdir()
    arguments = {
        "sample": ("-n", 3, "-o", out / "x.png"),
        "encode": (photos, "-o", out / "x.npz"),
        "score": (photos, "--maps", out),
    }
    lines = traced(out, verb, *arguments.get(verb, ()))
    assert len(lines) > 100
    assert not [line for line in lines if NETWORK.search(line)]
    strays = {path for path in written(lines) if not path.startswith((str(out), "/dev/null", "/dev/tty"))}
    assert not strays
    if verb in arguments:
        assert any(path.startswith(str(out)) for path in written(lines))
    assert not (tmp_path / "home").exists()


def test_the_trace_would_show_a_socket_and_a_stray_file(tmp_path):
    """The check itself can fail."""
    trace = tmp_path / "trace.txt"
    code = f"import socket; socket.socket(); open({str(tmp_path / 'stray')!r}, 'w')"
    subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, "-e", "trace=network,file", sys.executable, "-c", code], check=True
    )
    lines = trace.read_text().splitlines()
    assert [line for line in lines if NETWORK.search(line)] and str(tmp_path / "stray") in written(lines)
