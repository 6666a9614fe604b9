"""The JavaScript as text: its types, the layers of its rooms, and that scripts and page know the same elements."""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vae_runtime.web.bundle import SOURCES, page_files, page_sources

ROOT = Path(__file__).resolve().parents[3]
TSC = ROOT / "examples" / "browser" / "node_modules" / ".bin" / "tsc"
ROOMS = {  # of vae/, and what each may import beside itself
    "errors": set(),
    "maths": {"errors"},
    "pictures": {"errors"},
    "model": {"errors", "maths", "pictures"},
    "vae": {"errors", "maths", "model"},
    "checks": {"maths", "model", "vae"},
    "index": {"errors", "maths", "pictures", "model", "checks", "vae"},
}
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)\"""")


def imports():
    """By module of the page, the modules whose code or types it imports."""
    files = {name: path.read_bytes() for name, path in page_sources().items() if name.endswith(".js")}
    return {
        name: {
            posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            for target in _IMPORT.findall(content.decode())
        }
        for name, content in files.items()
    }


@pytest.mark.skipif(not TSC.exists() or shutil.which("node") is None, reason="needs npm install in examples/browser")
@pytest.mark.parametrize("project", [".", "examples/node"])
def test_the_types_fit(project):
    if project != "." and not (ROOT / project / "node_modules").is_dir():
        pytest.skip("needs npm install in examples/node")
    done = subprocess.run([TSC, "--project", project], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_every_file_has_its_types_checked_and_is_short():
    files = [*SOURCES.rglob("*.js"), *(ROOT / "examples" / "node").glob("*.js"), *(ROOT / "tests").rglob("*.mjs")]
    assert len(files) > 40
    for path in files:
        lines = path.read_text().splitlines()
        assert lines[0] == "// @ts-check" and lines[1].startswith("// "), path
        assert len(lines) <= 250, path


def test_no_module_imports_itself_over_others():
    left = imports()
    while free := {name for name, targets in left.items() if not targets & set(left)}:
        left = {name: targets for name, targets in left.items() if name not in free}
    assert not left


def test_the_rooms_import_as_those_of_the_package_do():
    for name, targets in imports().items():
        if name.startswith("vae/"):
            room = _room(name)
            assert {_room(target) for target in targets} <= ROOMS[room] | {room}, name


def _room(name):
    return name.removeprefix("vae/").partition("/")[0].removesuffix(".js")


def test_the_scripts_know_of_which_kind_each_element_of_the_page_is():
    html = (SOURCES / "page" / "index.html").read_text()
    script = (SOURCES / "page" / "elements.js").read_text()
    kinds = {"canvas": "CanvasId", "input": "InputId", "select": "SelectId", "progress": "ProgressId"}
    for tag, kind in kinds.items():
        there = set(re.findall(rf'<{tag}\b[^>]*\bid="([^"]+)"', html))
        (typed,) = re.findall(rf"@typedef {{(.+)}} {kind} ", script)
        assert set(re.findall(r'"([^"]+)"', typed)) == there


def test_pages_carry_the_code_without_the_comments_of_its_lines():
    pages = page_files()
    for name, path in page_sources().items():
        if name.endswith(".js"):
            lines = path.read_text().splitlines()
            assert not _inside_a_text(lines), name
            code = [line for line, is_comment in zip(lines, _comments(lines), strict=True) if not is_comment]
            assert pages[name].decode().splitlines() == code, name


def _comments(lines):
    """Which lines are comments and nothing else, line by line."""
    inside = False
    for line in lines:
        begins = line.lstrip().startswith("/**") and (line.rstrip().endswith("*/") or "*/" not in line)
        yield inside or begins or line.lstrip().startswith("//")
        inside = (inside or begins) and not line.rstrip().endswith("*/")


def _inside_a_text(lines):
    """Lines of a template literal that look like comments: what a page would lose."""
    inside = False
    for line in lines:
        if inside and line.lstrip().startswith(("//", "/*")):
            return line
        if not line.lstrip().startswith(("//", "/*", "*")):
            inside ^= line.count("`") % 2 == 1
    return None
