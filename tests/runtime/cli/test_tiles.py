"""`--tile` of encode, decode and reconstruct: pictures of any size, and files that go round."""

import numpy as np
import pytest
from PIL import Image

from tests.support import linear_map
from tests.support.commands import vae_
from vae_runtime import VAE, decode_tiled, encode_tiled, reconstruct_tiled, to_uint8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return linear_map.write(tmp_path_factory.mktemp("models") / "map")


@pytest.fixture
def photos(tmp_path):
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name, (width, height) in {"a.png": (70, 51), "b.png": (24, 32), "c.png": (10, 90)}.items():
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(folder / name)
    return folder


def pixels(path):
    return np.asarray(Image.open(path)).transpose(2, 0, 1)


def test_what_encode_writes_decode_reads_and_reconstruct_is_both(model, photos, tmp_path):
    vae = VAE.load(model)
    npz, decoded, kept = tmp_path / "a.npz", tmp_path / "decoded.png", tmp_path / "kept.png"
    vae_("encode", photos / "a.png", "-m", model, "--tile", "-o", npz)
    vae_("decode", npz, "-m", model, "--tile", "-o", decoded)
    vae_("reconstruct", photos / "a.png", "-m", model, "--tile", "-o", kept)
    with np.load(npz) as file:
        arrays = dict(file)
    posterior = encode_tiled(vae, photos / "a.png")
    assert set(arrays) == {"mean", "logvar", "size"} and arrays["size"].tolist() == [70, 51]
    np.testing.assert_array_equal(arrays["mean"], posterior.mean)
    np.testing.assert_array_equal(arrays["logvar"], posterior.logvar)
    expected = to_uint8(reconstruct_tiled(vae, photos / "a.png"))[0]
    assert expected.shape == (3, 51, 70)
    np.testing.assert_array_equal(pixels(decoded), expected)
    assert kept.read_bytes() == decoded.read_bytes()


def test_a_folder_gives_each_picture_its_own_size(model, photos, tmp_path):
    vae = VAE.load(model)
    vae_("encode", photos, "-m", model, "--tile", "--overlap", 0.5, "-o", f"{tmp_path}/latents/")
    vae_("reconstruct", photos, "-m", model, "--tile", "--overlap", 0.5, "-o", f"{tmp_path}/kept/")
    vae_("reconstruct", photos, "-m", model, "--tile", "--overlap", 0.5, "-o", tmp_path / "kept-%d.png")
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        expected = to_uint8(reconstruct_tiled(vae, photos / name, overlap=0.5))[0]
        for place in (tmp_path / "kept" / name, tmp_path / f"kept-{number}.png"):
            np.testing.assert_array_equal(pixels(place), expected)
        place = tmp_path / f"decoded-{number}"
        vae_("decode", tmp_path / "latents" / f"{name}.npz", "-m", model, "--tile", "--overlap", 0.5, "-o", f"{place}/")
        np.testing.assert_array_equal(pixels(place / "000000.png"), expected)
    done = vae_("encode", photos, "-m", model, "--tile", "--skip-existing", "-o", f"{tmp_path}/latents/")
    assert "Left out 3 that are there already" in done.stderr


def test_latents_without_a_size_give_all_that_they_show(model, photos, tmp_path):
    vae = VAE.load(model)
    mean = encode_tiled(vae, photos / "a.png").mean
    np.save(tmp_path / "z.npy", mean)
    vae_("decode", tmp_path / "z.npy", "-m", model, "--tile", "-o", tmp_path / "x.png")
    np.testing.assert_array_equal(pixels(tmp_path / "x.png"), to_uint8(decode_tiled(vae, mean))[0])
    assert pixels(tmp_path / "x.png").shape == (3, 52, 72)


def test_one_that_cannot_be_read_does_not_stop_the_rest(model, photos, tmp_path):
    (photos / "b.png").write_bytes(b"<html>")
    done = vae_("reconstruct", photos, "-m", model, "--tile", "-o", f"{tmp_path}/kept/", code=1)
    assert "b.png is a web page" in done.stderr and "2 done, 1 failed" in done.stderr
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["a.png", "c.png"]


def test_what_cannot_be_tiled_is_said_before_anything_is_written(root, model, photos, tmp_path):
    flat, out = root / "artifacts" / "mnist-2d", tmp_path / "out"
    np.save(tmp_path / "z.npy", np.zeros((1, 2, 7, 60), np.float32))
    np.savez(tmp_path / "odd.npz", mean=np.zeros((1, 2, 8, 6), np.float32), size=np.zeros(3))
    np.savez(tmp_path / "other.npz", mean=np.zeros((1, 2, 8, 6), np.float32), size=np.array([500, 500]))
    for arguments, words in (
        (("encode", photos, "-m", model, "--overlap", 0.3, "-o", f"{out}.npz"), "--overlap is of windows: give --tile"),
        (("encode", photos, "-m", model, "--tile", "-o", f"{out}.npz"), "each of 3 pictures a result of its own size"),
        (("encode", photos, "-m", model, "--tile", "--format", "csv", "-o", f"{out}.csv"), "--tile writes .npz"),
        (("encode", photos, "-m", flat, "--tile", "-o", f"{out}/"), "latents are [2], which say nothing of places"),
        (("reconstruct", photos, "-m", flat, "--tile", "-o", f"{out}/"), "which say nothing of places"),
        (("reconstruct", photos, "-m", model, "--tile", "-o", f"{out}.png"), "give a folder, -o DIR/"),
        (("decode", tmp_path / "z.npy", "-m", model, "--tile", "-o", f"{out}.png"), "8 x 6 places or more"),
        (("decode", tmp_path / "odd.npz", "-m", model, "--tile", "-o", f"{out}.png"), "size is float64 [3]"),
        (("decode", tmp_path / "other.npz", "-m", model, "--tile", "-o", f"{out}.png"), "size is 500x500"),
        (("decode", tmp_path / "z.npy", "-m", model, "-o", f"{out}.png"), "vae decode --tile"),
    ):
        assert words in vae_(*arguments, code=2).stderr.replace("\n", " "), arguments
    assert not list(tmp_path.glob("out*"))
