"""A browser and a web server for tests of the page; what the page must never do is noticed here."""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib.util
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from vae_runtime.cli import main

ROOT = Path(__file__).resolve().parents[2]
BROWSER = ROOT / "examples" / "browser"
ENGINE = BROWSER / "node_modules" / "onnxruntime-web"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# No sandbox in a container of the user root; and nothing that Chromium would look up by itself.
FLAGS = [
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--force-color-profile=srgb"),
]


MARKS = [  # of tests that open it
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.skipif(not ENGINE.is_dir(), reason="needs npm install in examples/browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # playwright's own event loop
]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder):
    """The address of a static server for a folder."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


@contextlib.contextmanager
def tab(opened, address, *, errors=(), **context):
    """A page of a fresh profile, at an address. A request that leaves the host fails, and an error but for `errors`."""
    profile = opened.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    page = profile.new_page()
    wrong = []
    host = address.split("#")[0]

    def asked(request):
        if not request.url.startswith((host, "blob:", "data:")):
            wrong.append(f"a request to {request.url}")

    def said(message):
        ours = "willReadFrequently" in message.text  # tests read canvases back, pages do not
        if message.type in ("error", "warning") and not ours and not any(part in message.text for part in errors):
            wrong.append(f"{message.type}: {message.text}")

    def failed(error):
        if not any(part in str(error) for part in errors):
            wrong.append(f"thrown: {error}")

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", failed)
    try:
        page.goto(address)
        yield page
        assert not wrong, wrong
    finally:
        profile.close()


def ready(page):
    """Wait until the page has loaded and shows its first samples."""
    page.locator("#loading").wait_for(state="hidden", timeout=60_000)
    return page


def command(*arguments):
    """`vae` with these arguments, which must succeed."""
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output


def canvas(page, name):
    """What a canvas shows: uint8 [height, width, 3]."""
    pixels, width = page.evaluate(
        """name => {
            const canvas = document.getElementById(name);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [Array.from(data), canvas.width];
        }""",
        name,
    )
    return np.uint8(pixels).reshape(-1, width, 4)[..., :3]


def downloaded(page, button):
    with page.expect_download() as waiting:
        page.locator(button).press("Enter")
    with open(waiting.value.path(), "rb") as file:
        return file.read()
