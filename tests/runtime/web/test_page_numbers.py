"""The page in a real browser computes what Python does: seeds, and pictures of the visitor's own."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import MARKS, canvas, downloaded, ready, tab
from vae_runtime import read_images, standard_normal, to_uint8

pytestmark = MARKS
SEEDS = range(32)


def test_every_seed_gives_the_latents_and_the_images_of_python(chromium, addresses, vaes):
    code = """async ([name, seeds]) => {
        const { opened } = await import(`./main.js`);
        const { standardNormal } = await import(`./vae/maths/noise.js`);
        const vae = await opened;
        const drawn = [];
        for (const seed of seeds) {
            const z = await vae.sampleLatents(2, { seed });
            const eps = standardNormal(2, vae.latentSize, { seed });
            drawn.push([eps, z, await vae.decode(z)].map((array) => Array.from(array)));
        }
        return drawn;
    }"""
    for name, vae in vaes.items():
        with tab(chromium, addresses[name]) as page:
            drawn = ready(page).evaluate(code, [name, list(SEEDS)])
        for seed, (eps, z, images) in zip(SEEDS, drawn, strict=True):
            expected = standard_normal(2, vae.latent_size, seed=seed).reshape(-1)
            np.testing.assert_array_max_ulp(np.float32(eps), expected, maxulp=1)
            if not vae.labels:
                assert z == eps
            grey = to_uint8(vae.sample(2, seed=seed)).astype(int)
            assert np.abs(to_uint8(np.float32(images).reshape(grey.shape)) - grey).max() <= 1


def pictures(vae):
    """Files that a visitor may have, all of one digit: the model's size, another, colours, transparency, JPEG."""
    grey = to_uint8(vae.sample(1, seed=3))[0, 0]
    digit = Image.fromarray(grey)
    large = digit.resize((61, 90), Image.Resampling.BICUBIC)
    sideways = large.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "same.png": (digit, {}),
        "large.png": (large, {}),
        "colour.png": (Image.merge("RGB", (large, large.point(lambda v: v // 2), large)), {}),
        "alpha.png": (Image.merge("LA", (large, Image.new("L", large.size, 255))), {}),
        "upright.jpg": (sideways, {"quality": 95, "exif": exif}),
        "photo.webp": (large.convert("RGB"), {"lossless": True}),
    }


def test_a_picture_gets_the_mean_and_the_scores_of_python(chromium, addresses, vaes, tmp_path):
    for name, vae in vaes.items():
        with tab(chromium, addresses[name]) as page:
            ready(page)
            for file, (picture, options) in pictures(vae).items():
                picture.save(tmp_path / file, **options)
                page.set_input_files("#file", tmp_path / file)
                page.locator("#picture-says", has_text=file).wait_for()
                saved = json.loads(downloaded(page, "#save-findings"))
                image = read_images(tmp_path / file, vae.manifest.image)
                posterior = vae.encode(image)
                np.testing.assert_allclose(saved["mean"], posterior.mean[0], atol=1e-4, err_msg=file)
                np.testing.assert_allclose(saved["sigma"], np.exp(posterior.logvar[0] / 2), atol=1e-4)
                assert list(saved["scores"]) == list(vae.manifest.scores)
                for method, score in saved["scores"].items():
                    expected = vae.score(image, method=method)
                    assert score["score"] == pytest.approx(expected[0], abs=1e-4), (file, method)
                    if vae.manifest.calibration:
                        assert score["p"] == vae.p_value(expected, method=method)[0]
                    else:
                        assert score["p"] is None
            assert np.array_equal(canvas(page, "seen")[..., 0], to_uint8(image)[0, 0])
            rebuilt = to_uint8(vae.reconstruct(image))[0, 0].astype(int)
            assert np.abs(canvas(page, "rebuilt")[..., 0] - rebuilt).max() <= 1
            highest = vae.anomaly_map(image).max()
            assert f" to {highest:.1f} nats a pixel" in page.inner_text("#map-caption")


def test_a_picture_can_be_dropped_and_what_is_none_is_refused(chromium, addresses, vaes):
    drop = """([name, bytes]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }"""
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(vaes["flat"].sample(1, seed=1))[0, 0]).save(buffer, "png")
    score = vaes["flat"].score(read_images(buffer.getvalue(), vaes["flat"].manifest.image))[0]
    with tab(chromium, addresses["flat"]) as page:
        ready(page)
        page.evaluate(drop, ["dropped.png", list(buffer.getvalue())])
        page.locator("#picture-says", has_text=f"dropped.png: {score:.2f} nats, p-value").wait_for()
        page.evaluate(drop, ["page.png", list(b"<!doctype html>")])
        page.locator("#picture-says.failed", has_text="page.png is no picture that can be read").wait_for()
        page.evaluate(drop, ["cut.png", list(buffer.getvalue()[:100])])
        page.locator("#picture-says.failed", has_text="cut.png is cut off, damaged").wait_for()
        assert page.locator("#findings").is_hidden()
