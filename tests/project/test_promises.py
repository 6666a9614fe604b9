"""What README and FORMAT.md promise, where no other file tests it; and docs/RELIABILITY.md's table of all the tests."""

import json
import math
import re
import shutil

import numpy as np
import onnx
import pytest

from tests.support.commands import vae_
from tests.support.folders import edit
from vae_runtime import VAE, IntegrityError
from vae_runtime.checks.bench import Advice, Setup
from vae_runtime.checks.verify import TensorCheck
from vae_runtime.cli.bench import _sentences
from vae_runtime.maths.likelihood import Bernoulli
from vae_runtime.model import manifest as manifests
from vae_runtime.model import writing

TABLE = "## Promises and their tests"


def plain(path):
    """The words of a page, whatever its lines."""
    return " ".join(path.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def rows(root):
    """What is promised, and the tests named beside it."""
    section = (root / "docs" / "RELIABILITY.md").read_text(encoding="utf-8").split(TABLE)[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith('| "')]


def test_every_promise_of_the_table_stands_in_readme_or_format(root, rows):
    said = plain(root / "README.md") + plain(root / "docs" / "FORMAT.md")
    assert len(rows) > 40
    for promise, _ in rows:
        assert promise.strip('"') in said, promise


def test_every_test_of_the_table_is_one(root, rows):
    for promise, tests in rows:
        named = re.findall(r"`((?:\w+/)*test_\w+\.py)::(test_\w+)`", tests)
        assert named, promise
        for file, name in named:
            assert f"\ndef {name}(" in (root / "tests" / file).read_text(encoding="utf-8"), f"{file}::{name}"


def test_the_share_of_unclear_samples_is_the_manifests(root):
    training = manifests.read(root / "artifacts" / "mnist").training
    samples, images = training["sample_unclear_share"], training["sample_unclear_share_of_test_images"]
    said = f"{samples:.0%} of its samples are no clear digits, of test images {images:.0%}".replace("%", " %")
    assert said in plain(root / "README.md")


def test_what_was_fuzzed_is_what_the_table_adds_up_to(root):
    lines = (root / "docs" / "RELIABILITY.md").read_text(encoding="utf-8").splitlines()

    def first_number(start):
        (line,) = (line for line in lines if line.startswith(f"| {start} |"))
        return int(re.search(r"[\d,]{3,}", line)[0].replace(",", ""))

    damaged = first_number("damaged models") + first_number("the same with repaired checksums")
    targets = ("the gate", "pictures", "manifests", "golden vectors, latents, names")
    fuzzed = sum(first_number(f"{target}, by coverage") for target in targets)
    assert f"{damaged:,} damaged models, {fuzzed / 1e6:.1f} million fuzzed inputs" in plain(root / "README.md")


def test_the_page_of_one_file_is_as_large_as_it_is_said_to_be(root, tmp_path):
    page = tmp_path / "page.html"
    vae_("web", page, "--single-file", "-m", root / "artifacts" / "mnist-2d", "--precision", "int8")
    assert f"in int8 {page.stat().st_size / 1e6:.1f} MB" in plain(root / "README.md")


def test_grey_pixels_under_a_bernoulli_have_no_normalised_density():
    x = np.linspace(0, 1, 1001, dtype=np.float32).reshape(-1, 1, 1, 1)
    for p in (0.5, 0.9):
        logit = math.log(p / (1 - p))
        density = np.exp(Bernoulli().log_prob(x, np.full_like(x, logit)))
        area = 0.5 if p == 0.5 else (2 * p - 1) / logit  # of a density it were 1
        assert np.trapezoid(density, x.ravel()) == pytest.approx(area, rel=1e-5)
        ends = Bernoulli().log_prob(x[[0, -1]], np.full((2, 1, 1, 1), logit, np.float32))
        assert ends == pytest.approx(np.log([1 - p, p]))


def test_how_many_bytes_the_inverse_of_255_gets_wrong():
    v = np.arange(256, dtype=np.float32)
    assert np.count_nonzero(v / np.float32(255) != v * np.float32(1 / 255)) == 126


def test_a_sum_over_many_pixels_is_taken_in_double():
    """A million terms that are not of the same size; added up in float32 they are off in the third decimal."""
    logits = np.random.default_rng(0).normal(0, 3, (1, 1, 1000, 1000)).astype(np.float32)
    terms = Bernoulli()._terms(np.zeros_like(logits), logits)  # of black pixels
    total = Bernoulli().log_prob(np.zeros_like(logits), logits)[0]
    assert total == pytest.approx(math.fsum(terms.ravel().tolist()), abs=1e-6)
    assert abs(float(np.cumsum(terms, dtype=np.float32)[-1]) - total) > 1e-3


def test_a_graph_of_another_format_version_is_refused(folder):
    graph = onnx.load(folder / "decoder.onnx")
    (version,) = (item for item in graph.metadata_props if item.key == "vae.format_version")
    version.value = "1"
    content = graph.SerializeToString()
    (folder / "decoder.onnx").write_bytes(content)
    entry = writing.describe("decoder.onnx", content)
    edit(folder, lambda m: m["graphs"]["decoder"]["float32"].update(bytes=entry.bytes, sha256=entry.sha256))
    with pytest.raises(IntegrityError, match=r"vae\.format_version"):
        VAE.load(folder)


def test_a_nan_in_an_answer_fails_the_check():
    assert TensorCheck("nats", 0.0, 1.0).passed
    assert not TensorCheck("nats", math.nan, 1.0).passed and not TensorCheck("nats", math.inf, 1.0).passed


NONSENSE = {
    "picture_sizes": "large",
    "int8_elbo_loss_nats": "little",
    "int8_test_images": [],
    "elbo_nats": [],
    "data": {"a": 1},
    "train_images": None,
    "nll_nats_by_draws": {"1": [{}]},
    "elbo_score_quartiles": {"trained_on": "low", "held_out": [1, 2]},
}


@pytest.mark.parametrize("training", [{}, NONSENSE, {name: True for name in NONSENSE}, {name: -1 for name in NONSENSE}])
def test_no_verb_depends_on_what_training_says(root, tmp_path, training):
    """`vae bench` ended in a traceback where the loss of int8 was no number."""
    model = tmp_path / "model"
    shutil.copytree(root / "artifacts" / "mnist-2d", model)
    content = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps({**content, "training": training}))
    picture = tmp_path / "x.png"
    for arguments in (
        ("info",),
        ("sample", "-n", 1, "-o", picture),
        ("score", picture),
        ("calibrate", picture),
        ("web", tmp_path / "page.html", "--single-file"),
        ("verify",),
    ):
        vae_(*arguments, "-m", model)
    said = _sentences([Advice("one image", Setup("cpu", "int8", 1), 1, 1.5)], manifests.read(model))
    assert len(said) == (2 if training.get("int8_elbo_loss_nats") == -1 else 1)
