"""The page in a real browser: every control by keyboard, links, screens of any size, and pages that are not whole."""

from __future__ import annotations

import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import BROWSER, ENGINE, MARKS, canvas, command, downloaded, ready, served, tab
from tests.support.spatial import ALL, Spatial
from tests.support.spatial_dense import Dense
from tests.support.version_1 import write_version_1
from vae_runtime import VAE, standard_normal, to_uint8

pytestmark = MARKS


def named(page):
    """The latent that the address names, once it follows."""
    page.wait_for_timeout(500)
    return [float(number) for number in page.url.split("z=")[1].split(",")]


def test_the_sheet_shows_the_samples_of_the_seed_that_was_typed(chromium, addresses, vaes):
    with tab(chromium, addresses["labelled"]) as page:
        ready(page)
        for field, value in (("#seed", 2**64 - 1), ("#start", 7), ("#count", 6)):
            page.fill(field, str(value))
        page.select_option("#label", "3")
        page.locator("#temperature").fill("0.8")
        page.locator("#samples-form button >> nth=0").press("Enter")
        page.locator("#sheet[aria-label='Samples 7 to 12 of seed 18446744073709551615']").wait_for()
        page.locator("#where", has_text="Sample 7 of seed 18446744073709551615").wait_for()
        shown = canvas(page, "sheet")
        images = vaes["labelled"].sample(6, seed=2**64 - 1, start=7, label="3", temperature=0.8)
        for i, image in enumerate(to_uint8(images)[:, 0].astype(int)):
            top, left = (i // 4) * 29, (i % 4) * 29
            assert np.abs(shown[top : top + 28, left : left + 28, 0] - image).max() <= 1
        page.locator("#sheet").press("ArrowRight")
        page.locator("#where", has_text="Sample 8 of").wait_for()
        content = json.loads(downloaded(page, "#save-json"))
        assert (content["seed"], content["sample"], content["label"]) == (str(2**64 - 1), 8, "3")
        np.testing.assert_allclose(vaes["labelled"].decode([content["z"]])[0], images[1], atol=1e-5)
        page.fill("#seed", "many")
        page.locator("#seed").press("Tab")
        page.locator("#sheet-help.failed", has_text="expected a seed").wait_for()


def test_every_control_is_reached_and_used_by_keyboard_alone(chromium, addresses, vaes):
    with tab(chromium, addresses["flat"], reduced_motion="reduce") as page:
        ready(page)
        page.keyboard.press("Tab")
        reached = []
        focused = (
            "document.activeElement.id || document.activeElement.textContent.trim() || document.activeElement.type"
        )
        for _ in range(60):
            reached.append(page.evaluate(focused))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", reached[-1]
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
        controls = page.evaluate(
            """[...document.querySelectorAll("button, input, select, summary, [tabindex='0']")]
                .filter((control) => control.checkVisibility())
                .map((control) => control.id || control.textContent.trim() || control.type)"""
        )
        assert sorted(reached) == sorted(controls) and len(controls) > 20

        page.locator("#plane").press("Home")
        assert named(page) == [0, 0]
        for key in ("ArrowRight", "Shift+ArrowUp"):
            page.locator("#plane").press(key)
        z = np.float32(named(page))
        limit = page.evaluate("fetch('page.json').then((answer) => answer.json()).then((page) => page.plane.limit)")
        np.testing.assert_allclose(z, [limit / 60, limit / 12], rtol=1e-6)
        page.locator("#where", has_text=f"z = ({z[0]:.2f}, {z[1]:.2f})").wait_for()
        decoded = to_uint8(vaes["flat"].decode(z[None]))[0, 0].astype(int)
        assert np.abs(canvas(page, "decoded")[..., 0] - decoded).max() <= 1

        slider = page.locator("#sliders input").first
        slider.press("ArrowRight")
        assert named(page) != pytest.approx(z)

        page.locator("#latent-to-start").press("Enter")
        page.locator("#plane").press("Shift+ArrowDown")
        page.locator("#latent-to-end").press("Enter")
        page.locator("#play").press("Space")
        page.locator("#play[aria-pressed=true]").wait_for()
        page.locator("#play").press("Space")
        page.locator("#play[aria-pressed=false]").wait_for()
        page.locator("#way").press("End")
        page.locator("#way[aria-valuetext='100 percent of the way']").wait_for()
        assert np.array_equal(canvas(page, "walk-now"), canvas(page, "walk-end"))
        assert not np.array_equal(canvas(page, "walk-start"), canvas(page, "walk-end"))
        strip = Image.open(io.BytesIO(downloaded(page, "#save-strip")))
        assert strip.size == (8 * 29 - 1, 28)

        pad = page.locator("#drawing")
        pad.press("Space")
        for key in ["Shift+ArrowDown"] * 2 + ["ArrowLeft"]:
            pad.press(key)
        pad.press("Space")
        page.locator("#picture-says", has_text="Your drawing").wait_for()
        drawn = canvas(page, "seen")[..., 0]
        assert drawn[18, 13] == 255 and (drawn > 0).sum() < 60

        page.locator("#verify").press("Enter")
        page.locator("#verdict", has_text="PASS").wait_for()


def test_the_way_played_ends_at_the_end(chromium, addresses):
    with tab(chromium, addresses["labelled"]) as page:
        ready(page)
        page.select_option("#path", "spherical")
        page.locator("#play").press("Enter")
        page.locator("#way[aria-valuetext='100 percent of the way']").wait_for(timeout=15_000)
        page.locator("#play[aria-pressed=false]").wait_for()
        assert np.array_equal(canvas(page, "walk-now"), canvas(page, "walk-end"))
        assert not np.array_equal(canvas(page, "walk-start"), canvas(page, "walk-end"))


def test_an_address_names_a_sample_or_a_latent(chromium, addresses, vaes):
    z = standard_normal(1, 2, seed=9)
    link = f"{addresses['flat']}#z={','.join(map(repr, z[0].tolist()))}"
    with tab(chromium, link) as page:
        ready(page)
        decoded = to_uint8(vaes["flat"].decode(z))[0, 0].astype(int)
        page.locator("#where", has_text="z = ").wait_for()
        assert np.abs(canvas(page, "decoded")[..., 0] - decoded).max() <= 1
        assert np.array_equal(np.float32(named(page)), z[0])
    with tab(chromium, f"{addresses['labelled']}#seed=12&sample=4&temperature=0.5&label=7") as page:
        ready(page)
        expected = to_uint8(vaes["labelled"].sample(1, seed=12, start=4, temperature=0.5, label="7"))[0, 0].astype(int)
        page.locator("#where", has_text="Sample 4 of seed 12").wait_for()
        assert np.abs(canvas(page, "decoded")[..., 0] - expected).max() <= 1


def test_what_is_under_the_pointer_is_no_sample_and_half_a_sheet_is_refused(chromium, addresses):
    with tab(chromium, addresses["flat"]) as page:
        ready(page)
        page.locator("#plane").hover(position={"x": 60, "y": 70})
        page.locator("#where", has_text="z = (").wait_for()
        page.locator("h1").hover()
        page.locator("#where", has_text="Sample 0 of seed 0").wait_for()
        page.fill("#count", "2.5")
        page.locator("#count").press("Tab")
        page.locator("#sheet-help.failed", has_text="expected a seed").wait_for()
        page.locator("#sheet").press("ArrowRight")
        page.locator("#sheet-help.hint", has_text="Sample 1 of seed 0").wait_for()


def test_an_address_that_names_nothing_is_told_and_the_page_goes_on(chromium, addresses):
    for wrong, says in (
        ("#z=1,2,3", "expected 2 finite ones"),
        ("#z=a,b", "expected 2 finite"),
        ("#seed=x", "Sample 0"),
    ):
        with tab(chromium, addresses["flat"] + wrong) as page:
            ready(page)
            page.locator("#sheet-help", has_text=says).wait_for()
            assert canvas(page, "sheet").any() and page.locator("#app").is_visible()


def test_an_accessibility_checker_finds_nothing_and_nothing_is_wider_than_the_screen(chromium, addresses):
    with tab(chromium, addresses["labelled"]) as page:
        ready(page)
        page.locator("#look-at-latent").press("Enter")
        page.locator("#findings").wait_for()
        check_access(page, (320, 768, 1280))


def check_access(page, widths):
    """By axe-core, light and dark, at widths in pixels, all that folds unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    page.evaluate((BROWSER / "node_modules" / "axe-core" / "axe.min.js").read_text())
    for width in widths:
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            violations = page.evaluate("axe.run().then(({ violations }) => violations)")
            assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in violations] == []


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("model-*/decoder.onnx", None, "decoder.onnx did not come: the server answered 404"),
        ("model-*/encoder.onnx", b"<!doctype html>", "encoder.onnx has 15 bytes"),
        ("engine-*/ort-wasm-simd-threaded.wasm", b"<!doctype html>", "it is a web page"),
        ("model-*/manifest.json", b"{}", "manifest.json has the sha256"),
        ("page.json", b"<!doctype html>", "page.json is not of this page"),
    ],
)
def test_a_page_that_is_not_whole_says_what_is_missing(chromium, addresses, tmp_path, file, content, says):
    shutil.copytree(addresses["folder"] / "flat", tmp_path / "page", copy_function=os.link)
    (path,) = (tmp_path / "page").glob(file)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with served(tmp_path / "page") as address, tab(chromium, address, errors=[says, "404"]) as page:
        page.locator("#status.failed", has_text=says).wait_for()
        assert page.locator("#app").is_hidden()


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_page_of_one_file_opens_without_a_server(chromium, page_models, tmp_path, precision):
    command("web", tmp_path / "page.html", "--single-file", "-m", page_models["flat"], "--precision", precision)
    vae = VAE.load(page_models["flat"], precision=precision)
    with tab(chromium, (tmp_path / "page.html").as_uri()) as page:
        ready(page)
        page.locator("#verify").press("Enter")
        page.locator("#verdict", has_text="PASS").wait_for()
        expected = to_uint8(vae.sample(1, seed=0))[0, 0].astype(int)
        assert np.abs(canvas(page, "decoded")[..., 0] - expected).max() <= (1 if precision == "float32" else 25)


def test_spatial_latents_move_by_channels_and_show_them(chromium, tmp_path):
    model = Spatial().write(tmp_path / "model")
    command("web", tmp_path / "page", "--ort", ENGINE, "-m", model)
    vae = VAE.load(model)
    with served(tmp_path / "page") as address, tab(chromium, address) as page:
        ready(page)
        start = np.float32(chosen(page)["z"])
        assert start.shape == vae.latent_shape
        page.locator("#sliders input").first.press("End")
        first = page.evaluate("fetch('page.json').then((answer) => answer.json()).then((page) => page.sliders[0])")
        moved = np.float32(chosen(page)["z"])
        expected = start.copy()
        expected[first["latent"]] += first["high"] - start[first["latent"]].mean()
        np.testing.assert_allclose(moved, expected, atol=1e-5)
        decoded = to_uint8(vae.decode(moved[None]))[0].astype(int).transpose(1, 2, 0)
        page.locator("#where", has_text="A latent of your own").wait_for()
        assert np.abs(canvas(page, "decoded") - decoded).max() <= 1
        shown = canvas(page, "channels")[..., 0]
        assert shown.shape == (4, 9)
        for channel, left in enumerate((0, 5)):
            low, high = moved[channel].min(), moved[channel].max()
            np.testing.assert_allclose(shown[:, left : left + 4], 255 * (moved[channel] - low) / (high - low), atol=1)
        page.set_input_files("#file", _written(tmp_path / "x.png", to_uint8(vae.sample(1))[0].transpose(1, 2, 0)))
        page.locator("#picture-says", has_text="x.png: ").wait_for()
        page.locator("#posterior tr").nth(1).wait_for(state="attached")
        assert page.locator("#posterior th").all_text_contents() == [
            f"channel {first['latent']}",
            f"channel {1 - first['latent']}",
        ]
        saved = json.loads(downloaded(page, "#save-findings"))
        assert np.shape(saved["mean"]) == np.shape(saved["sigma"]) == vae.latent_shape
        check_access(page, (320,))


def test_a_page_offers_nothing_that_the_model_does_not_have(chromium, tmp_path):
    model = Dense(ALL["nothing"]).write(tmp_path / "model")
    command("web", tmp_path / "page.html", "--single-file", "-m", model)
    vae = VAE.load(model)
    z = np.linspace(-1, 1, 32, dtype=np.float32)
    link = f"{(tmp_path / 'page.html').as_uri()}#z={','.join(map(repr, z.tolist()))}"
    with tab(chromium, link) as page:
        ready(page)
        assert page.locator("#samples").is_hidden() and page.locator("#path-field").is_hidden()
        assert "has no prior" in page.inner_text("#no-samples") and "an arc takes a prior" in page.inner_text("#no-arc")
        np.testing.assert_allclose(chosen(page)["z"], z.reshape(vae.latent_shape), atol=1e-7)
        pixels = to_uint8(Dense().draw(1, seed=4))[0].transpose(1, 2, 0)
        page.set_input_files("#file", _written(tmp_path / "x.png", pixels))
        page.locator("#picture-says", has_text="x.png: ").wait_for()
        saved = json.loads(downloaded(page, "#save-findings"))
        assert list(saved["scores"]) == ["reconstruction"] and "sigma" not in saved
        image = (pixels / np.float32(255)).transpose(2, 0, 1)[None]
        score = vae.score(image)[0]
        assert saved["scores"]["reconstruction"]["score"] == pytest.approx(score, rel=1e-5)
        assert page.inner_text("#picture-says") == f"x.png: {score:.2f} squared error."
        assert page.locator("#sigma-head").is_hidden() and "in squared error" in page.inner_text("#findings caption")
        page.locator("#verify").press("Enter")
        page.locator("#verdict", has_text="PASS").wait_for()
        check_access(page, (320,))


def chosen(page):
    """What the page saves of the chosen latent."""
    return json.loads(downloaded(page, "#save-json"))


def test_a_page_of_one_file_runs_a_model_of_version_1(chromium, page_models, tmp_path):
    model = write_version_1(page_models["flat"], tmp_path / "model")
    command("web", tmp_path / "page.html", "--single-file", "-m", model)
    vae = VAE.load(model)
    with tab(chromium, (tmp_path / "page.html").as_uri()) as page:
        ready(page)
        page.locator("#verify").press("Enter")
        page.locator("#verdict", has_text="PASS").wait_for()
        page.set_input_files("#file", _written(tmp_path / "white.png", np.full((28, 28), 255, np.uint8)))
        score = vae.score(np.ones((1, 1, 28, 28), np.float32))[0]
        page.locator("#picture-says", has_text="white.png: ").wait_for()
        said = page.inner_text("#picture-says").removeprefix("white.png: ").partition(" nats")[0]
        assert float(said) == pytest.approx(score, abs=0.2)


def _written(path, pixels):
    Image.fromarray(pixels).save(path)
    return path
