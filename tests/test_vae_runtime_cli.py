"""The command line on real files: each verb does what its method does, and says in one line what it cannot do."""

import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from vae_runtime import VAE, from_uint8, image_grid, read_images, to_uint8, write_image
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.model.writing import describe


@pytest.fixture(scope="module")
def photos(vae, tmp_path_factory):
    """Four pictures in a tree: the model's own samples."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "b").mkdir()
    for name, image in zip(("a.png", "b/c.png", "b/d.bmp", "e.png"), vae.sample(4, seed=9), strict=True):
        write_image(folder / name, image)
    return folder


@pytest.fixture
def images(vae, photos):
    return read_images([photos / name for name in ("a.png", "b/c.png", "b/d.bmp", "e.png")], vae.manifest.image)


def vae_(*arguments, code=0, **options):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def process(*arguments, cwd, root, stdin=None, environment=None):
    """The command in a process of its own, bytes in and out."""
    return subprocess.run(
        [sys.executable, "-m", "vae_runtime", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root), **(environment or {})},
        input=stdin,
        capture_output=True,
    )


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
    for index, image in enumerate(vae.reconstruct(images)):
        for folder in ("decoded", "reconstructed"):
            np.testing.assert_array_equal(pixels(tmp_path / folder / f"{index:06d}.png"), to_uint8(image)[0])


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


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_interpolate_makes_a_strip(vae, photos, images, tmp_path, way):
    vae_("interpolate", photos / "a.png", photos / "e.png", "--steps", 5, "--path", way, "-o", tmp_path / "s.png")
    expected = image_grid(vae.interpolate(images[0], images[3], steps=5, path=way), columns=5)
    np.testing.assert_array_equal(pixels(tmp_path / "s.png"), to_uint8(expected)[0])


@pytest.mark.parametrize("name", ["s.gif", "s.apng"])
def test_interpolate_makes_an_animation_by_suffix(photos, tmp_path, name):
    vae_("interpolate", photos / "a.png", photos / "e.png", "--steps", 6, "-o", tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 10 and picture.size == (28, 28)


def test_scores_are_those_of_the_method_in_every_format(vae, photos, images):
    names = [str(photos / name) for name in ("a.png", "b/c.png", "b/d.bmp", "e.png")]
    expected = vae.score(images)
    rows = [line.split(None, 1) for line in vae_("score", photos).stdout.splitlines()]
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


def test_info_tells_the_manifest(root):
    assert "latent" in vae_("info").stdout and "450" not in vae_("info", "-m", root / "artifacts" / "mnist-2d").stdout
    text = vae_("info", "--json").stdout
    assert manifests.parse(text) == manifests.read(root / "artifacts" / "mnist")


@pytest.mark.parametrize("model", ["mnist", "mnist-mlp", "mnist-2d"])
def test_verify_passes_what_is_shipped(root, model):
    result = vae_("verify", "-m", root / "artifacts" / model)
    assert result.stdout.endswith("PASS on CPUExecutionProvider\n") and "not in the manifest" not in result.stdout
    report = json.loads(vae_("verify", "--json", "-m", root / "artifacts" / model).stdout)
    assert report["verdict"] == "PASS" and report["files_checked"] == 6
    assert set(report["tensors"]) == {"eps", "mean", "logvar", "images", "nats"}
    assert all(0 <= item["difference"] <= item["tolerance"] for item in report["tensors"].values())


@pytest.fixture
def copy(root, tmp_path):
    return shutil.copytree(root / "artifacts" / "mnist", tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoint"))


def rewrite(folder, change):
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx", "golden.npz", "README.md", "samples.png"])
def test_verify_finds_a_flipped_bit_in_any_file(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 4
    (copy / name).write_bytes(content)
    assert name in vae_("verify", "-m", copy, code=4).stderr


@pytest.mark.parametrize(
    ("array", "tensor"),
    [
        ("mean", "mean"),
        ("logvar", "logvar"),
        ("decoded", "images"),
        ("eps", "eps"),
        ("iwae", "nats"),
        ("score", "nats"),
    ],
)
def test_verify_fails_where_a_number_is_off(copy, array, tensor):
    with np.load(copy / "golden.npz") as file:
        golden = {name: file[name] for name in file.files}
    golden[array] = golden[array] + golden[array].dtype.type(0.02)
    np.savez(copy / "golden.npz", **golden)
    entry = dataclasses.asdict(describe("golden.npz", (copy / "golden.npz").read_bytes()))
    rewrite(copy, lambda m: m["golden"].update(entry))
    result = vae_("verify", "-m", copy, code=4)
    assert result.stdout.endswith("FAIL on CPUExecutionProvider\n")
    assert [line.split()[0] for line in result.stdout.splitlines() if "TOO FAR" in line] == [tensor]
    report = json.loads(vae_("verify", "--json", "-m", copy, code=4).stdout)
    assert report["verdict"] == "FAIL" and not report["tensors"][tensor]["passed"]


def test_verify_reports_a_file_that_is_not_listed(copy):
    (copy / "evil.so").touch()
    result = vae_("verify", "-m", copy)
    assert "evil.so is in the folder but not in the manifest" in result.stdout


def test_the_model_can_come_from_the_environment(root, monkeypatch):
    monkeypatch.setenv("VAE_MODEL", str(root / "artifacts" / "mnist-2d"))
    assert json.loads(vae_("info", "--json").stdout)["name"] == "mnist-2d"
    assert json.loads(vae_("info", "--json", "-m", root / "artifacts" / "mnist").stdout)["name"] == "mnist"


def test_what_fails_is_said_and_the_rest_is_done(vae, photos, images, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"<html>")
    result = vae_("score", tmp_path / "broken.png", photos / "a.png", "gone.png", "--format", "jsonl", code=1)
    assert json.loads(result.stdout)["score_nats"] == vae.score(images[:1])[0]
    assert "broken.png is a web page" in result.stderr and "gone.png cannot be read" in result.stderr
    assert result.stderr.endswith("vae: 1 done, 2 failed.\n")
    vae_("encode", tmp_path / "broken.png", photos / "a.png", "-o", tmp_path / "z.npz", code=1)
    with np.load(tmp_path / "z.npz") as latents:
        assert latents["mean"].shape == (1, vae.latent_size)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["score", "gone.png"], 2, "gone.png cannot be read"),
        (["score", "gone.png", "empty"], 2, "the folder empty holds no picture"),
        (["score", "text.png", "gone.png"], 2, "none of the 2 inputs can be read"),
        (["sample", "-o", "x.tiff"], 2, "suffix '.tiff'"),
        (["sample", "-o", "no/such/x.png"], 2, "does not exist"),
        (["sample", "-o", "no/such/%d.png"], 2, "does not exist"),
        (["encode", "good.png", "-o", "empty"], 2, "is a directory"),
        (["encode", "good.png", "-o", "/dev/full"], 2, "/dev/full: No space left on device"),
        (["decode", "text.png", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["decode", "gone.npz", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["decode", "other.npz", "-o", "x.png"], 2, "expected an array named z or mean"),
        (["decode", "wide.npy", "-o", "x.png"], 2, "expected [batch, 40]"),
        (["decode", "objects.npy", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["vary", "empty", "-o", "x.png"], 2, "expected one picture"),
        (["interpolate", "good.png", "text.png", "-o", "x.png"], 2, "text.png is no picture"),
        (["sample", "-o", "x.png", "--precision", "int8"], 2, "it has float32"),
        (["sample", "-o", "x.png", "--provider", "cuda"], 3, "CUDAExecutionProvider was asked for and did not come"),
        (["sample", "-o", "x.png", "--provider", "NoSuch"], 3, "NoSuch was asked for and did not come"),
        (["verify", "--provider", "cuda"], 3, 'pip install "vae-runtime[gpu]"'),
        (["sample", "-o", "x.png", "-m", "gone"], 4, "gone is not a folder"),
        (["info", "-m", "empty"], 4, "has no manifest.json"),
        (["verify", "-m", "torn"], 4, "not valid JSON"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_its_exit_code(root, photos, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "torn"):
        (tmp_path / folder).mkdir()
    (tmp_path / "torn" / "manifest.json").write_text('{"format": "vae-on')
    (tmp_path / "text.png").write_text("hello")
    shutil.copy(photos / "a.png", "good.png")
    np.savez("other.npz", other=np.zeros(3))
    np.save("wide.npy", np.zeros((1, 41), np.float32))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    before = sorted(os.listdir())
    result = vae_(*arguments, code=code)
    assert result.stdout == "" and words in result.stderr
    assert result.stderr.startswith("vae: error: ") and result.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [["sample"], ["sample", "-n", "0", "-o", "x.png"], ["sample", "-o", "x.png", "--seed", "-1"], ["score"], ["what"]],
)
def test_wrong_usage_exits_with_2_and_leaves_stdout_alone(arguments):
    result = vae_(*arguments, code=2)
    assert result.stdout == "" and "Usage: " in result.stderr


def test_graphs_of_two_models_are_refused(root, copy):
    content = (root / "artifacts" / "mnist-mlp" / "decoder.onnx").read_bytes()
    (copy / "decoder.onnx").write_bytes(content)
    entry = dataclasses.asdict(describe("decoder.onnx", content))
    rewrite(copy, lambda m: m["graphs"]["decoder"].update(float32=entry))
    assert "of different models" in vae_("sample", "-m", copy, "-o", "x.png", code=4).stderr


def test_without_onnxruntime_the_line_that_installs_it_is_named(root, tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise ModuleNotFoundError('no', name='onnxruntime')")
    path = f"{tmp_path}{os.pathsep}{root}"
    result = process("sample", "-o", "x.png", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 3 and result.stdout == b""
    assert b'pip install "vae-runtime[cpu]"' in result.stderr and result.stderr.count(b"\n") == 1
    result = process("info", "--json", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 0 and json.loads(result.stdout)["name"] == "mnist"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["sample", "-h"], ["score", "--help"]])
def test_help_imports_neither_numpy_nor_pillow_nor_onnxruntime(root, arguments):
    code = (
        "import sys\nfrom vae_runtime.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'PIL', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.stderr == "[]\n" and "vae" in result.stdout


def test_the_same_command_twice_makes_the_same_bytes(root, tmp_path):
    for name in ("a.png", "b.png"):
        assert process("sample", "-n", 4, "-o", name, cwd=tmp_path, root=root).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_default_model_is_the_shipped_one(root):
    assert VAE.load().manifest == manifests.read(root / "artifacts" / "mnist")
    assert from_uint8(np.zeros(1, np.uint8)).dtype == np.float32
