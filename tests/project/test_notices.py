"""What is of others goes nowhere without the notice that its licence asks for."""

import re

import pytest

from tests.support.commands import vae_
from vae_runtime.web import engine
from vae_runtime.web.bundle import page_files

PILLOW = (
    "Copyright © 1997-2011 by Secret Labs AB",
    "Copyright © 1995-2011 by Fredrik Lundh and contributors",
    "Copyright © 2010 by Jeffrey 'Alex' Clark and contributors",
    "Permission to use, copy, modify and distribute this software and its",
    "SECRET LABS AB AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS",
    "PERFORMANCE OF THIS SOFTWARE.",
)
MIT = (
    "Permission is hereby granted, free of charge",
    "The above copyright notice and this permission notice shall be included",
)


def test_the_notice_goes_with_every_distribution(root):
    """.ci/run looks into the wheel that it builds."""
    settings = (root / "pyproject.toml").read_text()
    assert 'license-files = ["LICENSE", "NOTICE"]' in settings
    sdist = re.search(r"\[tool\.hatch\.build\.targets\.sdist\]\ninclude = \[(.*)\]", settings)[1]
    assert '"/NOTICE"' in sdist and '"/LICENSE"' in sdist
    assert '{"LICENSE", "NOTICE"} <=' in (root / ".ci" / "run").read_text()


def test_the_notice_names_all_that_is_of_others(root):
    notice = (root / "NOTICE").read_text(encoding="utf-8")
    for words in (
        *PILLOW,
        *MIT,
        "MNIST",
        "Yann LeCun, Corinna Cortes and Christopher J.C. Burges",
        "Attribution-ShareAlike 3.0",
    ):
        assert words in notice
    sheet = re.search(r"Of six folders.*?\n\n", (root / "docs" / "PICTURES.md").read_text(encoding="utf-8"), re.DOTALL)[
        0
    ]
    for who in ("Noto Emoji", "Twemoji", "svg-country-flags", "Fashion-MNIST", "Omniglot"):
        assert who in sheet and who in notice
    for name in re.findall(r"docs/\S+\.png", notice):
        assert (root / name).is_file()
    assert "[NOTICE](../NOTICE)" in (root / "docs" / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["vae/pictures/resampling.js", "licenses.txt"])
def test_the_port_of_pillows_resampling_has_its_licence(place):
    text = page_files()[place].decode()
    assert all(words in text for words in PILLOW)


def test_pages_have_the_notices_of_what_is_in_them(root, tmp_path):
    (tmp_path / "ort").mkdir()
    (tmp_path / "ort" / "package.json").write_text('{"version": "9.9.9"}')
    for name in (engine.MODULE, engine.WASM):
        (tmp_path / "ort" / name).write_bytes(b"")
    model = ("-m", root / "artifacts" / "mnist-2d")
    vae_("web", tmp_path / "page", "--ort", tmp_path / "ort", *model)
    text = (tmp_path / "page" / "licenses.txt").read_text(encoding="utf-8")
    assert all(words in text for words in (*PILLOW, *MIT, "Copyright (c) Microsoft Corporation"))
    vae_("web", tmp_path / "page.html", "--single-file", *model, "--precision", "int8")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(words in text for words in PILLOW) and "Microsoft" not in text
