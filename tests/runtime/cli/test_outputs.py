"""What -o asks for is read in one place; files of latents come back as they were written."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import vae_
from vae_runtime import InputError, Posterior
from vae_runtime.cli import latents
from vae_runtime.cli.outputs import Output


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("there", "100%", "d%d"):
        os.mkdir(folder)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind", "targets"),
    [
        ("-", "stdout", []),
        ("x.png", "file", ["x.png"]),
        ("there/x.npy", "file", ["there/x.npy"]),
        ("there", "folder", ["there/000005.png", "there/000007.png"]),
        ("new/", "folder", ["new/000005.png", "new/000007.png"]),
        ("100%", "folder", ["100%/000005.png", "100%/000007.png"]),
        ("100%/", "folder", ["100%/000005.png", "100%/000007.png"]),
        ("100%/x-%d.png", "numbered", ["100%/x-5.png", "100%/x-7.png"]),
        ("%04d-%d.png", "numbered", ["0005-%d.png", "0007-%d.png"]),
        ("100%.png", "file", ["100%.png"]),
        ("x-%s.png", "file", ["x-%s.png"]),
    ],
)
def test_an_output_is_one_of_four_kinds_and_knows_its_files(monkeypatch, text, kind, targets):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    output = Output.parse(text)
    assert (output.text, output.kind) == (text, kind)
    assert [str(path) for path in output.targets(len(targets), first=5, step=2)] == targets


@pytest.mark.parametrize("text", ["d%d/", "d%d", "new-%d/", "there/%04d/"])
@pytest.mark.parametrize("verb", [("sample", "-n", 2), ("decode", "z.npy")])
def test_a_folder_for_each_number_is_refused_in_a_sentence(here, verb, text):
    np.save("z.npy", np.zeros((2, 40), np.float32))
    before = sorted(path.name for path in here.rglob("*"))
    error = vae_(*verb, "-o", text, code=2).stderr
    assert error == (
        f"vae: error: {text} is a folder with a number in its name; give DIR/, or files such as DIR/img-%04d.png.\n"
    )
    assert sorted(path.name for path in here.rglob("*")) == before


def test_a_folder_with_a_percent_sign_is_a_folder(photos, root):
    model = root / "artifacts" / "mnist-2d"
    vae_("reconstruct", photos, "-m", model, "-o", "100%/")
    assert sorted(os.listdir("100%")) == ["a.png", "b", "e.png"]
    vae_("encode", photos, "-m", model, "-o", "d%d/")  # mirrored trees have no numbers
    assert sorted(os.listdir("d%d")) == ["a.png.npz", "b", "e.png.npz"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x-%d.npy", "x-%d.npy has the suffix '.npy'; expected one of .png"),
        ("x.gif", "x.gif has the suffix '.gif'; expected one of .png"),
        ("gone/x.png", "the directory gone does not exist"),
        ("gone/x-%d.png", "the directory gone does not exist"),
        ("", "-o is empty"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_model_is_opened(text, words):
    assert words in vae_("sample", "-n", 2, "-m", "gone", "-o", text, code=2).stderr


@pytest.mark.parametrize("name", ["z.npy", "z.NPY"])
def test_numbers_are_asked_for_by_a_suffix_of_any_case(root, name):
    vae_("sample", "-n", 2, "-m", root / "artifacts" / "mnist-2d", "-o", name)
    assert np.load(name).shape == (2, 1, 28, 28)


def test_latents_come_back_as_they_were_written():
    mean, logvar = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
    content = latents.to_npz(Posterior(mean, logvar), ["a.png", "b/ü.png", "-"])
    back = latents.from_npz(content, "z.npz")
    assert back.dtype == np.float32 and back.tobytes() == mean.tobytes()
    with np.load(io.BytesIO(content)) as file:
        assert file["path"].tolist() == ["a.png", "b/ü.png", "-"]
        np.testing.assert_array_equal(file["logvar"], logvar)
    np.testing.assert_array_equal(latents.from_npz(latents.to_npz(Posterior(mean[0], logvar[0])), "z.npz"), mean[0])
    Path("z.npz").write_bytes(content)
    np.testing.assert_array_equal(latents.read_latents("z.npz"), mean)
    buffer = io.BytesIO()
    np.save(buffer, mean)
    np.testing.assert_array_equal(latents.from_npz(buffer.getvalue(), "z.npy"), mean)
    with pytest.raises(InputError, match=r"rows is not an \.npz or \.npy file"):
        latents.from_npz(latents.to_rows(["a"], Posterior(mean[:1], logvar[:1]), "csv", first=True, seen=False), "rows")


def test_rows_of_latents_have_a_column_for_each_number_or_a_list():
    posterior = Posterior(np.array([[1, 2]], np.float32), np.array([[3, 4]], np.float32))
    rows = latents.to_rows(["a.png"], posterior, "csv", first=True, seen=False)
    assert rows == b"path,mean_0,mean_1,logvar_0,logvar_1\na.png,1.0,2.0,3.0,4.0\n"
    assert latents.to_rows(["a.png"], posterior, "csv", first=False, seen=False) == b"a.png,1.0,2.0,3.0,4.0\n"
    rows = latents.to_rows(["a.png"], posterior, "jsonl", first=True, seen=False)
    assert rows == b'{"path": "a.png", "mean": [1.0, 2.0], "logvar": [3.0, 4.0]}\n'
