"""Pictures larger than the model: windows that cover them, maps put together, scores of the strangest window."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.commands import vae_
from vae_runtime import VAE, ImageSpec, InputError, from_uint8, read_images, score_tiled, to_uint8, write_image
from vae_runtime.model.scores import SCORES
from vae_runtime.pictures import tiling
from vae_runtime.pictures.reading import open_picture
from vae_runtime.pictures.tiling import Mosaic

SPEC = ImageSpec(shape=(1, 28, 20))


def cut(picture, spec):
    """All windows and places at once."""
    parts = list(tiling.cut(picture, spec))
    return np.concatenate([windows for windows, _ in parts]), [place for _, places in parts for place in places]


def stitch(maps, places, size):
    mosaic = Mosaic(size, SPEC)
    for number in range(len(maps)):
        mosaic.add(maps[number : number + 1], places[number : number + 1])
    return mosaic.whole()


@pytest.mark.parametrize("size", [(20, 28), (21, 28), (40, 56), (133, 71), (20, 400)])
def test_windows_cover_a_picture_at_its_own_resolution_and_overlap_by_half(size):
    pixels = np.random.default_rng(0).integers(0, 256, size[::-1], dtype=np.uint8)
    windows, places = cut(Image.fromarray(pixels), SPEC)
    for window, (left, top) in zip(windows, places, strict=True):
        np.testing.assert_array_equal(window[0], pixels[top : top + 28, left : left + 20])
    np.testing.assert_array_equal(stitch(windows[:, 0].astype(np.float32), places, size), pixels)
    for axis, side in ((0, 20), (1, 28)):
        starts = sorted({place[axis] for place in places})
        assert starts[0] == 0 and starts[-1] == size[axis] - side
        assert all(later - earlier <= side // 2 for earlier, later in itertools.pairwise(starts))


def test_a_picture_smaller_than_a_window_is_stretched_along_that_side_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 100), dtype=np.uint8).repeat(7, axis=0)
    for fit in ("crop", "pad", "stretch"):
        windows, places = cut(Image.fromarray(pixels), ImageSpec(shape=(1, 28, 20), fit=fit))
        assert [left for left, _ in places] == list(range(0, 81, 10)) and {top for _, top in places} == {0}
        for window, (left, _) in zip(windows, places, strict=True):
            np.testing.assert_array_equal(window[0], pixels[:1, left : left + 20].repeat(28, axis=0))
    windows, places = cut(Image.new("L", (3, 10), 7), SPEC)
    assert windows.shape == (1, 1, 28, 20) and places == [(0, 0)] and (windows == 7).all()


@pytest.fixture
def large(vae, tmp_path):
    """Twelve pictures of samples side by side, one of them with a white square in one place."""
    for number in range(12):
        samples = vae.sample(12, seed=number)
        page = np.concatenate([np.concatenate(list(row), axis=2) for row in samples.reshape(3, 4, 1, 28, 28)], axis=1)
        if number == 11:
            page[:, 30:44, 60:74] = 1
        folder = tmp_path / ("strange" if number == 11 else "normal")
        folder.mkdir(exist_ok=True)
        write_image(folder / f"{number:02d}.png", page)
    return tmp_path


def test_a_large_picture_scores_as_its_strangest_window(root, large):
    model = root / "artifacts" / "mnist"
    path = large / "strange" / "11.png"
    row = json.loads(vae_("score", path, "-m", model, "--tile", "--format", "jsonl", "--maps", large / "maps").stdout)
    vae = VAE.load(model)
    with Image.open(path) as picture:
        windows, places = cut(picture, vae.manifest.image)
    scores = vae.score(from_uint8(windows))
    assert row["score_nats"] == scores.max()
    left, top = places[int(scores.argmax())]
    assert left < 74 and left + 28 > 60 and top < 44 and top + 28 > 30  # it holds some of the square
    with Image.open(large / "maps" / "11.png") as drawn:
        colours = np.asarray(drawn).astype(int)
    assert colours.shape == (84, 112, 3)
    redness = colours[..., 0] - colours[..., 1]
    assert redness[30:44, 60:74].mean() > 3 * redness.mean()


@pytest.mark.parametrize("window_parts", [tiling.PART_PIXELS, 5 * 28 * 28])
def test_tiled_scores_and_the_map_are_those_of_the_windows_in_plain_numpy(root, large, monkeypatch, window_parts):
    """However many windows are computed on at once."""
    monkeypatch.setattr(tiling, "PART_PIXELS", window_parts)
    vae = VAE.load(root / "artifacts" / "mnist", threads=1)
    path = large / "strange" / "11.png"
    pixels = np.asarray(Image.open(path).convert("L"))
    lefts, tops = [0, 14, 28, 42, 56, 70, 84], [0, 14, 28, 42, 56]
    windows = np.stack([pixels[top : top + 28, left : left + 28] for top in tops for left in lefts])[:, None]
    images = from_uint8(windows)
    maps, sums, counts = vae.anomaly_map(images), np.zeros((84, 112)), np.zeros((84, 112))
    for one, (top, left) in zip(maps, itertools.product(tops, lefts), strict=True):
        sums[top : top + 28, left : left + 28] += one
        counts[top : top + 28, left : left + 28] += 1
    tiled = score_tiled(vae, path, methods=vae.manifest.scores, map_of="reconstruction")
    assert tiled.scores == {method: vae.score(images, method=method).max() for method in vae.manifest.scores}
    assert tiled.step == 1 and tiled.map.dtype == np.float32
    np.testing.assert_allclose(tiled.map, sums / counts, rtol=1e-6, atol=1e-6)  # float32 sums in another order


def test_every_window_is_encoded_and_decoded_once_for_all_scores_and_the_map(root, large, monkeypatch):
    vae, rows = VAE.load(root / "artifacts" / "mnist", threads=1), {"encoder": 0, "decoder": 0}
    for role in rows:
        session = getattr(vae._model, role)

        def run(array, *arguments, role=role, usual=session.run, **options):
            rows[role] += len(array)
            return usual(array, *arguments, **options)

        monkeypatch.setattr(session, "run", run)
    score_tiled(vae, large / "strange" / "11.png", methods=vae.manifest.scores, map_of="reconstruction")
    assert rows == {"encoder": 35, "decoder": 35}


def test_a_picture_to_tile_comes_as_read_images_takes_it_and_is_large_or_small(root, large):
    vae, path = VAE.load(root / "artifacts" / "mnist", threads=1), large / "strange" / "11.png"
    expected = score_tiled(vae, path)
    assert list(expected.scores) == ["elbo"] and expected.map is None
    with Image.open(path) as picture, open(path, "rb") as file, open_picture(path) as opened:
        for source in (str(path), path.read_bytes(), file, picture, opened):
            assert score_tiled(vae, source) == expected
    exact = Image.fromarray(to_uint8(vae.sample(1))[0, 0])
    assert score_tiled(vae, exact).scores["elbo"] == vae.score(read_images(exact, vae.manifest.image))[0]


def test_a_map_of_a_very_large_picture_is_of_squares(root, monkeypatch):
    monkeypatch.setattr(tiling, "MAP_CELLS", 1000)
    vae = VAE.load(root / "artifacts" / "mnist-2d", threads=1)
    tiled = score_tiled(vae, Image.new("L", (100, 60), 99), map_of="reconstruction")
    assert tiled.step == 3 and tiled.map.shape == (20, 34)


def test_what_cannot_be_tiled_is_an_input_error(root, tmp_path):
    vae, picture = VAE.load(root / "artifacts" / "mnist-2d"), Image.new("L", (40, 40))
    for arguments, words in (
        ({"methods": ["mse"]}, "method is 'mse'"),
        ({"methods": "elbo"}, r"methods is 'elbo'; expected a list, such as \['elbo'\]"),
        ({"methods": ["faults"]}, "has no detector"),
        ({"map_of": "faults"}, "has no detector"),
        ({"map_of": "kl"}, "map_of is 'kl'; expected 'reconstruction' or 'faults', or None"),
    ):
        with pytest.raises(InputError, match=words):
            score_tiled(vae, picture, **arguments)
    (tmp_path / "x.png").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"x\.png is a web page"):
        score_tiled(vae, tmp_path / "x.png")
    with pytest.raises(InputError, match="methods are none"):
        score_tiled(vae, picture, methods=[])


def test_false_alarms_of_tiled_pictures_have_a_calibration_of_their_own(root, large):
    model, negative = large / "model", large / "negative.png"
    with Image.open(large / "normal" / "00.png") as page:
        ImageOps.invert(page.convert("L")).save(negative)
    vae_("calibrate", large / "normal", "-m", root / "artifacts" / "mnist", "-o", model, "--tile")
    assert set(VAE.load(model).manifest.calibration) == {f"{method}_tiled" for method in SCORES if method != "faults"}
    arguments = ("score", negative, "-m", model, "--false-alarm-rate", 0.1)
    result = vae_(*arguments, "--tile", "--exit-code", code=10)
    assert "ANOMALOUS" in result.stdout and "0.0833" in result.stdout  # 1 / 12
    assert "it is for elbo_tiled" in vae_(*arguments, code=2).stderr
    vae_("calibrate", large / "normal", "-m", model)
    assert len(VAE.load(model).manifest.calibration) == 8
