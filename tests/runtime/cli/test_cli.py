"""The command line on real files: each verb does what its method does, and says in one line what it cannot do."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import process, vae_
from vae_runtime import VAE, from_uint8, image_grid, to_uint8
from vae_runtime.cli import verbs
from vae_runtime.model import manifest as manifests


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_samples_of_a_seed_are_the_same_however_many_are_drawn(tmp_path):
    vae_("sample", "--seed", 7, "-n", 3, "-o", tmp_path / "few-%d.png")
    vae_("sample", "--seed", 7, "-n", 100, "-o", f"{tmp_path}/many/")
    vae_("sample", "--seed", 7, "-n", 1, "--start", 2, "-o", tmp_path / "late-%d.png")
    for index in range(3):
        few, many = tmp_path / f"few-{index}.png", tmp_path / "many" / f"{index:06d}.png"
        assert few.read_bytes() == many.read_bytes()
    assert (tmp_path / "late-2.png").read_bytes() == (tmp_path / "few-2.png").read_bytes()
    assert len(list((tmp_path / "many").iterdir())) == 100
    with Image.open(tmp_path / "few-2.png") as picture:
        assert picture.text["vae.seed"] == "7" and picture.text["vae.index"] == "2"


def test_a_grid_of_samples_tells_how_to_make_it_again(vae, tmp_path):
    vae_("sample", "-n", 25, "--seed", 3, "--temperature", 0.5, "-o", tmp_path / "s.png")
    expected = to_uint8(image_grid(vae.sample(25, seed=3, temperature=0.5)))[0]
    np.testing.assert_array_equal(pixels(tmp_path / "s.png"), expected)
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.text["vae.seed"] == "3" and picture.text["vae.index"] == "0-24"
        assert picture.text["vae.model"] == "mnist" and picture.text["vae.temperature"] == "0.5"


def test_standard_output_is_the_picture_and_nothing_else(root, tmp_path, vae):
    result = process("sample", "-n", "2", "-o", "-", cwd=tmp_path, root=root)
    assert (result.returncode, result.stderr) == (0, b"")
    np.testing.assert_array_equal(pixels(io.BytesIO(result.stdout)), to_uint8(image_grid(vae.sample(2)))[0])
    assert not os.listdir(tmp_path)


def test_encoding_and_decoding_is_reconstructing(vae, photos, images, tmp_path):
    vae_("encode", photos, "-o", tmp_path / "z.npz")
    with np.load(tmp_path / "z.npz") as latents:
        for name, expected in zip(("mean", "logvar"), vae.encode(images), strict=True):
            np.testing.assert_array_equal(latents[name], expected)
        assert latents["path"].tolist() == [str(photos / name) for name in ("a.png", "b/c.png", "b/d.bmp", "e.png")]
    vae_("decode", tmp_path / "z.npz", "-o", f"{tmp_path}/decoded/")
    vae_("reconstruct", photos, "-o", f"{tmp_path}/reconstructed/")
    mirrored = ("a.png", "b/c.png", "b/d.bmp.png", "e.png")
    for index, image in enumerate(vae.reconstruct(images)):
        for name in (f"decoded/{index:06d}.png", f"reconstructed/{mirrored[index]}"):
            np.testing.assert_array_equal(pixels(tmp_path / name), to_uint8(image)[0])


def test_a_folder_is_read_recursively_sorted_and_only_its_pictures(photos, tmp_path):
    for name in (
        "2/b.PNG",
        "2/a.png",
        "10/a.jpeg",
        "z.bmp",
        ".hidden/a.png",
        ".b.png",
        "notes.txt",
        "x.png/inside.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((photos / "a.png").read_bytes())
    lines = vae_("score", tmp_path, photos / "e.png", "--format", "csv").stdout.splitlines()[1:]
    inside = [str(tmp_path / name) for name in ("10/a.jpeg", "2/a.png", "2/b.PNG", "z.bmp")]
    assert [line.rpartition(",")[0] for line in lines] == [*inside, str(photos / "e.png")]


def test_latents_go_through_pipes(vae, root, photos, images, tmp_path):
    model = root / "artifacts" / "mnist"
    npz = process("encode", photos / "a.png", "-m", model, "-o", "-", cwd=tmp_path, root=root)
    assert (npz.returncode, npz.stderr) == (0, b"")
    with np.load(io.BytesIO(npz.stdout)) as latents:
        np.testing.assert_array_equal(latents["mean"], vae.encode(images[:1]).mean)
    png = process("decode", "-", "-m", model, "-o", "-", cwd=tmp_path, root=root, stdin=npz.stdout)
    expected = to_uint8(image_grid(vae.reconstruct(images[:1])))[0]
    np.testing.assert_array_equal(pixels(io.BytesIO(png.stdout)), expected)
    assert png.stderr == b"" and not os.listdir(tmp_path)


def test_latents_as_json_lines(vae, photos, images):
    result = vae_("encode", photos, "--format", "jsonl", "-o", "-")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    np.testing.assert_array_equal(np.array([row["mean"] for row in rows], np.float32), vae.encode(images).mean)
    np.testing.assert_array_equal(np.array([row["logvar"] for row in rows], np.float32), vae.encode(images).logvar)
    assert rows[1]["path"] == str(photos / "b" / "c.png")


def test_decode_takes_a_bare_array_too(vae, tmp_path):
    z = np.ones((2, vae.latent_size), np.float32)
    np.save(tmp_path / "z.npy", z)
    vae_("decode", tmp_path / "z.npy", "-o", tmp_path / "d.png")
    np.testing.assert_array_equal(pixels(tmp_path / "d.png"), to_uint8(image_grid(vae.decode(z)))[0])


def test_reconstruct_shows_originals_over_reconstructions(vae, photos, images, tmp_path):
    vae_("reconstruct", photos, "-o", tmp_path / "grid.png")
    expected = image_grid(np.concatenate([images, vae.reconstruct(images)]), columns=4)
    np.testing.assert_array_equal(pixels(tmp_path / "grid.png"), to_uint8(expected)[0])


def test_vary_draws_from_the_posterior(vae, photos, images, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        vae_("vary", photos / "a.png", "-n", 8, "--seed", seed, "-o", tmp_path / f"{name}.png")
    contents = [(tmp_path / f"{name}.png").read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]
    draws = vae.encode(images[:1]).draws(0, 8, seed=1)[0]
    expected = image_grid(np.concatenate([images[:1], vae.decode(draws)]))
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), to_uint8(expected)[0])
    np.testing.assert_array_equal(draws[0], vae.encode(images[:1]).sample(1)[0])


def test_one_file_each_is_what_the_grid_shows(vae, photos, images, tmp_path):
    a, e = photos / "a.png", photos / "e.png"
    vae_("vary", a, "-n", 3, "-o", f"{tmp_path}/vary/")
    vae_("interpolate", a, e, "--steps", 3, "-o", f"{tmp_path}/way/")
    expected = {
        "vary": vae.decode(vae.encode(images[:1]).draws(0, 3, seed=0)[0]),
        "way": vae.interpolate(images[0], images[3], steps=3),
    }
    for folder, several in expected.items():
        assert len(os.listdir(tmp_path / folder)) == 3
        for index, image in enumerate(several):
            np.testing.assert_array_equal(pixels(tmp_path / folder / f"{index:06d}.png"), to_uint8(image)[0])
    ends = vae.reconstruct(images[[0, 3]])
    for index, image in ((0, ends[0]), (2, ends[1])):
        np.testing.assert_array_equal(pixels(tmp_path / "way" / f"{index:06d}.png"), to_uint8(image)[0])


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_interpolate_makes_a_strip(vae, photos, images, tmp_path, way):
    vae_("interpolate", photos / "a.png", photos / "e.png", "--steps", 5, "--path", way, "-o", tmp_path / "s.png")
    expected = image_grid(vae.interpolate(images[0], images[3], steps=5, path=way), columns=5)
    np.testing.assert_array_equal(pixels(tmp_path / "s.png"), to_uint8(expected)[0])


@pytest.mark.parametrize("name", ["s.gif", "s.apng"])
def test_interpolate_makes_an_animation_by_suffix(vae, photos, images, tmp_path, name):
    vae_("interpolate", photos / "a.png", photos / "e.png", "--steps", 6, "-o", tmp_path / name)
    way = to_uint8(vae.interpolate(images[0], images[3], steps=6))[:, 0]
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 10 and picture.size == (28, 28)
        for frame, expected in enumerate([*way, *way[-2:0:-1]]):
            picture.seek(frame)
            np.testing.assert_array_equal(np.asarray(picture.convert("L")), expected)


def test_scores_are_those_of_the_method_in_every_format(vae, photos, images):
    names = [str(photos / name) for name in ("a.png", "b/c.png", "b/d.bmp", "e.png")]
    expected = vae.score(images)
    head, *rows = [line.split(None, 1) for line in vae_("score", photos).stdout.splitlines()]
    assert head == ["score_nats", "path"]
    assert [path for _, path in rows] == names
    np.testing.assert_allclose([float(nats) for nats, _ in rows], expected, atol=5e-4)
    rows = [json.loads(line) for line in vae_("score", photos, "--format", "jsonl").stdout.splitlines()]
    assert [(row["path"], row["score_nats"]) for row in rows] == list(zip(names, expected, strict=True))
    rows = list(csv.DictReader(io.StringIO(vae_("score", photos, "--format", "csv").stdout)))
    assert [(row["path"], float(row["score_nats"])) for row in rows] == list(zip(names, expected, strict=True))


def test_a_picture_comes_from_standard_input(root, photos, tmp_path, vae, images):
    content = (photos / "a.png").read_bytes()
    result = process("score", "-", "--format", "jsonl", cwd=tmp_path, root=root, stdin=content)
    assert json.loads(result.stdout) == {"path": "-", "score_nats": vae.score(images[:1])[0]}


@pytest.mark.parametrize("model", ["mnist", "mnist-2d"])
def test_info_tells_the_manifest(root, model):
    manifest, place = manifests.read(root / "artifacts" / model), ("-m", root / "artifacts" / model)
    told = dict(
        re.split(r"  +", line.strip(), maxsplit=1)
        for line in vae_("info", *place).stdout.splitlines()
        if "  " in line.strip()
    )
    assert (told["latent"], told["prior"]) == (str(manifest.latent_size), manifest.prior)
    assert told["pair id"] == manifest.pair_id and told["manifest sha256"] == manifest.digest
    assert told["elbo"] == f"{manifest.training['elbo_nats']:g} nats"
    assert manifests.parse(vae_("info", "--json", *place).stdout) == manifest


def test_the_model_can_come_from_the_environment(root, monkeypatch):
    monkeypatch.setenv("VAE_MODEL", str(root / "artifacts" / "mnist-2d"))
    assert json.loads(vae_("info", "--json").stdout)["name"] == "mnist-2d"
    assert json.loads(vae_("info", "--json", "-m", root / "artifacts" / "mnist").stdout)["name"] == "mnist"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["sample", "-h"], ["score", "--help"]])
def test_help_imports_neither_numpy_nor_pillow_nor_onnxruntime(root, arguments):
    code = (
        "import sys\nfrom vae_runtime.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'PIL', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.stderr == "[]\n" and "vae" in result.stdout


@pytest.mark.parametrize("verb", verbs.MODULES)
def test_help_is_plain_text_that_ends_its_story_with_an_example(verb):
    result = vae_(verb, "--help")
    assert result.stdout == vae_(verb, "-h").stdout and result.stdout.isascii() and result.stderr == ""
    _, _, examples = re.split(r"\n *(Examples?:)\n", verbs.load(verb).help.rstrip())
    assert f"vae {verb} " in examples.splitlines()[0]


def test_every_verb_is_in_the_readme(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert [verb for verb in verbs.MODULES if f"vae {verb}" not in text] == []


def test_the_same_command_twice_makes_the_same_bytes(root, tmp_path):
    for name in ("a.png", "b.png"):
        assert process("sample", "-n", 4, "-o", name, cwd=tmp_path, root=root).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_default_model_is_the_shipped_one(root):
    assert VAE.load().manifest == manifests.read(root / "artifacts" / "mnist")
    assert from_uint8(np.zeros(1, np.uint8)).dtype == np.float32
