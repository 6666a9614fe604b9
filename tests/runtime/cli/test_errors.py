"""What the command line cannot do is one line on stderr and an exit code; the rest is done."""

import io
import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tests.support.commands import process, vae_
from vae_runtime import VAE, InputError
from vae_runtime.cli.latents import read_latents


def test_what_fails_is_said_and_the_rest_is_done(vae, photos, images, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"<html>")
    result = vae_("score", tmp_path / "broken.png", photos / "a.png", "gone.png", "--format", "jsonl", code=1)
    assert json.loads(result.stdout)["score_nats"] == vae.score(images[:1])[0]
    assert "broken.png is a web page" in result.stderr and "gone.png cannot be read" in result.stderr
    assert result.stderr.endswith("vae: 1 done, 2 failed.\n")
    vae_("encode", tmp_path / "broken.png", photos / "a.png", "-o", tmp_path / "z.npz", code=1)
    with np.load(tmp_path / "z.npz") as latents:
        assert latents["mean"].shape == (1, vae.latent_size)
    vae_("reconstruct", tmp_path / "broken.png", photos / "a.png", "-o", f"{tmp_path}/out/", code=1)
    assert os.listdir(tmp_path / "out") == ["a.png"]


def test_a_folder_without_pictures_is_an_input_that_failed(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    result = vae_("score", tmp_path / "empty", photos / "a.png", code=1)
    assert "holds no picture" in result.stderr and len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["score", "gone.png"], 2, "gone.png cannot be read"),
        (["score", "empty"], 2, "the folder empty holds no picture"),
        (["score", "gone/"], 2, "gone/ cannot be read"),
        (["score", ""], 2, "an input is empty"),
        (["encode", "gone.png", "-o", "z.npz"], 2, "gone.png cannot be read"),
        (["reconstruct", "gone.png", "-o", "x.png"], 2, "gone.png cannot be read"),
        (["vary", "gone.png", "-o", "x.png"], 2, "gone.png cannot be read"),
        (["interpolate", "good.png", "gone.png", "-o", "x.png"], 2, "gone.png cannot be read"),
        (["score", "text.png", "gone.png"], 2, "none of the 2 inputs can be read"),
        (["sample", "-o", "x.tiff"], 2, "suffix '.tiff'"),
        (["sample", "-o", "no/such/x.png"], 2, "does not exist"),
        (["sample", "-o", "no/such/%d.png"], 2, "does not exist"),
        (["sample", "-o", "good.png/"], 2, "good.png: File exists"),
        (["sample", "-o", ""], 2, "-o is empty"),
        (["sample", "-o", "x.png", "--temperature", "nan"], 2, "temperature is nan"),
        (["interpolate", "good.png", "good.png", "--steps", "600", "-o", "x.webp"], 2, "WEBP holds 16,383 pixels"),
        (["encode", "good.png", "--format", "jsonl", "-o", "empty"], 2, "empty is a folder, and --format jsonl"),
        (["encode", "good.png", "--skip-existing", "-o", "new.npz"], 2, "--skip-existing is for a folder"),
        (["score", "good.png", "--two-sided"], 2, "--two-sided needs --false-alarm-rate"),
        (["score", "good.png", "--skip-existing"], 2, "--skip-existing needs --maps"),
        (["encode", "good.png", "-o", "/dev/full"], 2, "/dev/full: No space left on device"),
        (["decode", "text.png", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["decode", "gone.npz", "-o", "x.png"], 2, "gone.npz cannot be read (No such file or directory)"),
        (["decode", "empty", "-o", "x.png"], 2, "empty cannot be read (Is a directory)"),
        (["decode", "nan.npy", "-o", "x.png"], 2, "z hold nan at [0, 3]"),
        (["decode", "integers.npy", "-o", "x.png"], 2, "int64"),
        (["decode", "other.npz", "-o", "x.png"], 2, "expected an array named z or mean"),
        (["decode", "wide.npy", "-o", "x.png"], 2, "expected [batch, 40]"),
        (["decode", "objects.npy", "-o", "x.png"], 2, "not an .npz or .npy file"),
        (["vary", "empty", "-o", "x.png"], 2, "expected one picture"),
        (["interpolate", "empty", "good.png", "-o", "x.png"], 2, "expected one picture"),
        (["interpolate", "good.png", "text.png", "-o", "x.png"], 2, "text.png is no picture"),
        (["sample", "-o", "x.png", "--precision", "int4"], 2, "it has float32, int8"),
        (["sample", "-o", "x.png", "--provider", ","], 2, "providers is ','"),
        (["sample", "-o", "x.png", "--provider", "cuda"], 3, "CUDAExecutionProvider was asked for and did not come"),
        (["sample", "-o", "x.png", "--provider", "NoSuch"], 2, "the provider 'NoSuch' is unknown. Expected cpu, cuda"),
        (["sample", "-o", "x.png", "--provider", "gpu"], 2, "the provider 'gpu' is unknown: did you mean cuda?"),
        (["sample", "-o", "x.png", "--provider", "NewProvider"], 3, "NewProvider was asked for and did not come"),
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
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    shutil.copy(photos / "a.png", "good.png")
    np.save("integers.npy", np.zeros((1, 40), np.int64))
    np.save("nan.npy", np.where(np.arange(40) == 3, np.nan, 0)[None])
    np.savez("other.npz", other=np.zeros(3))
    np.save("wide.npy", np.zeros((1, 41), np.float32))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    before = sorted(os.listdir())
    result = vae_(*arguments, code=code)
    assert result.stdout == "" and words in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("This is the built-in model")]
    assert len(lines) == 1 and lines[0].startswith("vae: error: ")
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample"],
        ["sample", "-n", "0", "-o", "x.png"],
        ["sample", "-n", "10000000000000000", "-o", "x.png"],
        ["vary", "a.png", "-n", "10000000000000000", "-o", "x.png"],
        ["interpolate", "a.png", "b.png", "--steps", "10000000000000000", "-o", "x.png"],
        ["sample", "-o", "x.png", "--seed", "-1"],
        ["sample", "-o", "x.png", "--seed", "18446744073709551616"],
        ["sample", "-o", "x.png", "--threads", "0"],
        ["score", "a.png", "--format", "xml"],
        ["score"],
        ["what"],
    ],
)
def test_wrong_usage_exits_with_2_and_leaves_stdout_alone(arguments):
    result = vae_(*arguments, code=2)
    assert result.stdout == "" and "Usage: " in result.stderr


def test_without_onnxruntime_the_line_that_installs_it_is_named(root, tmp_path):
    (tmp_path / "packages").mkdir()  # nothing is imported from the working directory itself
    (tmp_path / "packages" / "onnxruntime.py").write_text("raise ModuleNotFoundError('no', name='onnxruntime')")
    path = f"{tmp_path / 'packages'}{os.pathsep}{root}"
    result = process("sample", "-o", "x.png", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 3 and result.stdout == b""
    assert b'pip install "vae-runtime[cpu]"' in result.stderr and result.stderr.count(b"\n") == 1
    result = process("info", "--json", cwd=tmp_path, root=root, environment={"PYTHONPATH": path})
    assert result.returncode == 0 and json.loads(result.stdout)["name"] == "mnist"


def test_a_model_from_the_environment_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_MODEL", str(tmp_path / "gone"))
    assert "gone is not a folder" in vae_("sample", "-o", tmp_path / "x.png", code=4).stderr


def test_the_names_in_a_message_stay_on_its_line(tmp_path):
    result = vae_("score", tmp_path / "two\nlines\x1b[1m.png", code=2)
    assert r"two\nlines\x1b[1m.png cannot be read" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(("form", "shown"), [("table", rb"\udcff\udcc3.png"), ("csv", b"\xff\xc3.png")])
def test_a_name_that_is_no_text_is_escaped_for_people_and_its_own_bytes_for_programs(
    root, photos, tmp_path, form, shown
):
    name = os.fsdecode(b"\xff\xc3.png")
    shutil.copy(photos / "a.png", tmp_path / name)
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    model = root / "artifacts" / "mnist"
    result = process("score", name, "-m", model, "--format", form, cwd=tmp_path, root=root, environment=strict)
    assert (result.returncode, result.stderr) == (0, b"") and shown in result.stdout


def test_what_libraries_warn_of_is_not_said(root, photos, monkeypatch):
    usual = VAE.score

    def score(*arguments, **options):
        warnings.warn("for programmers", stacklevel=1)
        return usual(*arguments, **options)

    monkeypatch.setattr(VAE, "score", score)
    monkeypatch.setattr(sys, "warnoptions", [])
    assert vae_("score", photos / "a.png", "-m", root / "artifacts" / "mnist").stderr == ""


def test_asking_for_more_than_the_memory_holds_is_said_in_a_line(tmp_path, monkeypatch):
    def sample(*_, **__):
        raise MemoryError("Unable to allocate 6.13 TiB")

    monkeypatch.setattr(VAE, "sample", sample)
    result = vae_("sample", "-n", 5, "-o", tmp_path / "x.png", code=2)
    assert result.stderr == (
        "vae: error: there is not enough memory (Unable to allocate 6.13 TiB); free some, or ask for less at once.\n"
    )


def shell(line, *, cwd, root):
    """A line of sh with `vae` in it."""
    command = f'vae() {{ "{sys.executable}" -m vae_runtime "$@"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(["sh", "-c", command], cwd=cwd, env=environment, capture_output=True, text=True)


def test_an_error_of_the_system_that_names_no_file_is_not_blamed_on_standard_output(tmp_path, monkeypatch):
    def sample(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(VAE, "sample", sample)
    assert vae_("sample", "-n", 5, "-o", "-", code=2).stderr == "vae: error: Too many open files.\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vae score - <&-", "standard input is closed"),
        ("vae decode - -o x.png <&-", "standard input is closed"),
        ("vae sample -o - >&-", "standard output is closed"),
        ("vae score x.png >&-", "standard output is closed"),
        ("vae sample -o - >/dev/full", "standard output: No space left on device"),
        ("vae info --json >/dev/full", "standard output: No space left on device"),
        ("vae info >/dev/full", "standard output: No space left on device"),
        ("vae encode x.png --format csv -o - >&-", "standard output is closed"),
        ("vae score - </dev/null", "<stdin> is empty"),
    ],
)
def test_streams_that_are_closed_full_or_empty_are_named(root, tmp_path, line, words):
    result = shell(line, cwd=tmp_path, root=root)
    assert result.returncode == 2 and result.stdout == "" and words in result.stderr
    assert result.stderr.startswith("vae: error: ") and result.stderr.count("\n") == 1


def test_a_reader_who_leaves_ends_the_command_quietly(root, tmp_path):
    assert shell("vae sample -n 900 -o - | true", cwd=tmp_path, root=root).stderr == ""


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, lambda file, mean: np.save(file, mean)])
def test_damaged_latents_are_arrays_or_input_errors(tmp_path, save):
    buffer = io.BytesIO()
    save(buffer, mean=np.zeros((2, 40), np.float32))
    content, random, refused = buffer.getvalue(), np.random.default_rng(0), 0
    for number in range(150):
        damaged = bytearray(content)
        reach = (0, 128) if number % 2 else (max(0, len(damaged) - 128), len(damaged))
        for place in random.integers(*reach, random.integers(1, 5)):
            damaged[place] = random.choice([0, 1, 40, 255, random.integers(256)])
        (tmp_path / "z.npz").write_bytes(damaged)
        try:
            latents = read_latents(str(tmp_path / "z.npz"))
            assert isinstance(latents, np.ndarray)
        except InputError as error:
            refused += 1
            assert "z.npz" in str(error)
    assert refused > 10


def test_a_picture_given_as_latents_is_said_to_be_one_and_nobody_is_told_to_unpickle_it(photos, tmp_path):
    told = vae_("decode", photos / "a.png", "-o", tmp_path / "x.png", code=2).stderr
    assert "is not an .npz or .npy file of latents. It looks like a picture: vae encode makes latents of it." in told
    for content in (b"\x80\4K\7.", b"mean,logvar\n1,2\n", b"{}"):
        (tmp_path / "z").write_bytes(content)
        told = vae_("decode", tmp_path / "z", "-o", tmp_path / "x.png", code=2).stderr
        assert "is not an .npz or .npy file of latents." in told and "pickle" not in told


@pytest.mark.parametrize(("name", "form"), [("z.csv", "npz"), ("z.jsonl", "npz"), ("z.npz", "csv"), ("z.csv", "jsonl")])
def test_latents_are_not_written_under_the_name_of_another_format(photos, tmp_path, name, form):
    told = vae_("encode", photos, "-o", tmp_path / name, "--format", form, code=2).stderr
    assert f"would hold {form}, by --format; give --format {name[2:]}, or another name" in told
    assert not os.listdir(tmp_path)


def test_a_run_given_as_a_model_is_told_how_to_export_it(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    told = vae_("sample", "-m", tmp_path, "-o", tmp_path / "x.png", code=4).stderr
    assert f"is a run of training, no model; make one of it: vae export {tmp_path} MODEL." in told
