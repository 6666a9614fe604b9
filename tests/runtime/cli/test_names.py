"""Names and texts that others chose: a terminal gets of them what can be printed, programs get them whole."""

import csv
import dataclasses
import io
import json
import os
import shutil

import pytest
from click.testing import CliRunner
from vae_export.card import card
from vae_export.checks.parity import TENSORS, Parity
from vae_train.measure.compare import table

from fuzz.disks import names as fuzzer
from tests.support.commands import process, vae_
from vae_runtime import InputError, read_images
from vae_runtime.cli import main
from vae_runtime.model import manifest as manifests
from vae_runtime.printable import printable

EVIL = "x\nmanifest sha256  0\x1b[2J\u202e\u200b\udcff\x85"
SHOWN = r"x\nmanifest sha256  0\x1b[2J\u202e\u200b\udcff\x85"


def test_what_is_printed_stays_and_the_rest_is_escaped():
    assert printable(EVIL) == SHOWN
    assert printable("é雪🙂 שלום |<b>\\") == "é雪🙂 שלום |<b>\\"


def test_random_names_and_texts_reach_terminals_escaped_and_programs_whole(root, monkeypatch):
    monkeypatch.chdir(root)
    _, wrong = fuzzer.run(4, 0)
    assert not wrong


def test_no_figure_of_a_training_can_pass_for_the_digest(folder):
    manifest = manifests.read(folder)
    evil = dataclasses.replace(manifest, training={EVIL: EVIL, "nested": {"\r": "\r"}, "k" * 5000: 1})
    (folder / "manifest.json").write_text(evil.to_json())
    lines = vae_("info", "-m", folder).stdout.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("manifest sha256")] == [manifests.read(folder).digest]
    assert sorted(map(len, lines))[-2] < 200  # a long name does not make the other lines long


def test_a_table_has_a_line_for_each_picture_whatever_its_name(folder, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(photos / "a.png", f"{EVIL}.png")
    _, row = vae_("score", f"{EVIL}.png", "-m", folder).stdout.splitlines()
    assert row.endswith(f"  {SHOWN}.png")


@pytest.mark.parametrize(
    "name",
    [
        "=1+1.png",
        "+x.png",
        "-x.png",
        "@x.png",
        "\tx.png",
        "\rx.png",
        "\uff1dx.png",
        'a,\n"b;c.png',
        os.fsdecode(b"\xff.png"),
        "é.png",
    ],
)
def test_a_name_comes_back_from_csv_and_is_no_formula(root, photos, folder, tmp_path, name):
    shutil.copy(photos / "a.png", tmp_path / name)
    for environment in ({}, {"PYTHONIOENCODING": "ascii"}):
        result = process(
            "score", "-m", folder, "--format", "csv", "--", name, cwd=tmp_path, root=root, environment=environment
        )
        assert result.returncode == 0, result.stderr
        (row,) = csv.DictReader(io.StringIO(os.fsdecode(result.stdout), newline=""))
        assert os.path.normpath(row["path"]) == name and row["path"][0] not in "=+-@\t\r\uff1d"
        assert float(row["score_nats"]) and set(row) == {"path", "score_nats"}
    process("encode", "-m", folder, "-o", "z.csv", "--format", "csv", "--", name, cwd=tmp_path, root=root)
    with open(tmp_path / "z.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        (row,) = csv.DictReader(file)
    assert os.path.samefile(tmp_path / row["path"], tmp_path / name)


def test_standard_input_stays_a_dash(root, photos, folder, tmp_path):
    content = (photos / "a.png").read_bytes()
    result = process("score", "-", "-m", folder, "--format", "csv", cwd=tmp_path, root=root, stdin=content)
    assert result.stdout.splitlines()[1].startswith(b"-,")


def test_a_terminal_without_the_letters_of_a_name_gets_their_numbers(root, photos, folder, tmp_path):
    shutil.copy(photos / "a.png", tmp_path / "雪.png")
    result = process(
        "score", "雪.png", "-m", folder, cwd=tmp_path, root=root, environment={"PYTHONIOENCODING": "latin-1"}
    )
    assert result.returncode == 0 and b"\\u96ea.png" in result.stdout


def test_errors_are_a_line_each_on_a_terminal_and_in_a_file(folder, tmp_path, photos):
    broken = tmp_path / f"{EVIL}.png"
    broken.write_bytes(b"<html>")
    result = vae_("score", broken, photos / "a.png", "-m", folder, "--errors", tmp_path / "list", code=1)
    (line,) = [line for line in result.stderr.split("\n") if "x\\n" in line]
    assert f"{SHOWN}.png is a web page" in line and result.stderr.replace("\n", "").isprintable()
    assert (tmp_path / "list").read_text().count("\n") == 2  # it, and the mark
    with pytest.raises(InputError) as error:
        read_images([broken], manifests.read(folder).image)
    assert f"{SHOWN}.png is a web page" in str(error.value)


@pytest.mark.parametrize("verb", ["plot", "export"])
def test_the_trainer_and_the_exporter_escape_too(verb, tmp_path):
    run = tmp_path / "r\x1b[2J\nun"
    run.mkdir()
    arguments = ["plot", str(run)] if verb == "plot" else ["export", str(run), str(tmp_path / "model")]
    for given in (arguments, [verb, f"--{EVIL}"], [*arguments, EVIL, EVIL]):
        result = CliRunner().invoke(main, given)
        assert result.exit_code in (1, 2) and "\x1b" not in result.output and "\u202e" not in result.output
    assert r"r\x1b[2J\nun" in CliRunner().invoke(main, arguments).output


def test_a_table_of_runs_has_its_lines_alone():
    figures = {"elbo_nats": 1.0, "engine": EVIL, "not_measured": {"nll_nats": EVIL}}
    assert len(table({EVIL: figures}).splitlines()) == len(
        table({"x": {**figures, "engine": "x", "not_measured": {"nll_nats": "x"}}}).splitlines()
    )


def test_a_card_says_a_name_and_nothing_that_the_name_says(folder):
    manifest = manifests.read(folder)
    differences = [Parity(tensor, "a probe", 0.0, 0.0) for tensor in TENSORS]

    def lines(name):
        training = {
            "data": name,
            "preset": name,
            "epochs": 1,
            "parameters": 1,
            "targets": "grey",
            "started_from": name,
            "engine": name,
            "nll_draws": name,
        }
        return card(dataclasses.replace(manifest, training=training), {}, differences, picture="samples.png").split(
            "\n"
        )

    plain = lines("mnist")
    assert "datasets: [mnist]" in plain and any("preset `mnist`" in line for line in plain)
    for name in (EVIL, "x]\n---\n# y", "`` ` ``", "[x](http://y)", "<script>", "|"):
        evil = lines(name)
        assert len(evil) == len(plain) and all(line.isprintable() for line in evil)
        assert json.loads(evil[5].removeprefix("datasets: [").removesuffix("]")) == name
    assert "bounds by \\[x\\]\\(http://y\\):" in "\n".join(lines("[x](http://y)"))
    assert any("preset ``a`b``," in line for line in lines("a`b"))
