"""`vae info` is a table that can be read, and a manifest's repr fits a line."""

import dataclasses
import re

import pytest

from tests.support.commands import vae_
from tests.support.linear_gaussian import LinearGaussian
from vae_runtime.model import manifest as manifests

MODELS = ("mnist", "mnist-2d", "mnist-mlp", "mnist-conditional")


def table(folder):
    return vae_("info", "-m", folder).stdout.splitlines()


@pytest.mark.parametrize("model", MODELS)
def test_names_and_facts_stand_in_two_columns(root, model):
    lines = table(root / "artifacts" / model)
    column = {re.match(r" *\S+(?: \S+)* {2,}", line).end() for line in lines if re.search(r"\S {2,}\S", line)}
    assert len(column) == 1
    text = "\n".join(lines)
    assert "{" not in text and "_nats" not in text


def test_figures_have_their_units_and_nested_ones_lines_of_their_own(root):
    lines = [re.sub(r" {2,}", "  ", line) for line in table(root / "artifacts" / "mnist")]
    for line in (
        "  elbo  -83.5344 nats",
        "  int8 encode speedup batch 1  1.28 times",
        "  int8 reconstruction psnr  41.93 dB",
        "  parameters  746,412",
        "  nll by draws",
        "  1000  79.8982 nats",
        "  kl per latent  40 numbers, in vae info --json",
        "calibration  none: no p-values, no --false-alarm-rate",
        "images  28x28, 1 channel, mode L",
    ):
        assert line in lines


def test_a_calibration_is_a_method_and_how_many_scores(tmp_path):
    calibration = {"elbo": (1.0, 2.0, 3.0), "kl_tiled": (0.5,)}
    lines = table(LinearGaussian.make().write(tmp_path / "model", calibration=calibration))
    at = lines.index("calibration")
    rows = [line.split(None, 1) for line in lines[at + 1 : at + 3]]
    assert rows == [["elbo", "3 scores"], ["kl_tiled", "1 score"]]


def test_the_repr_of_a_manifest_is_a_line(root):
    manifest = manifests.read(root / "artifacts" / "mnist-conditional")
    assert repr(manifest) == (
        "<Manifest 'mnist-conditional': images 1x28x28, latent 40, flow prior, bernoulli; "
        "encoder, decoder, prior_sample, prior_log_prob>"
    )
    assert dataclasses.replace(manifest) == manifest


def test_the_table_of_scores_has_a_head_over_its_columns(folder, tmp_path):
    from vae_runtime import write_image

    for number, image in enumerate(LinearGaussian.make().draw(70, seed=0)):
        (tmp_path / "x").mkdir(exist_ok=True)
        write_image(tmp_path / "x" / f"{number:02d}.png", image)
    head, *rows = vae_("score", tmp_path / "x", "-m", folder).stdout.splitlines()
    assert head == "  score_nats  path" and len(rows) == 70 and not any("score_nats" in row for row in rows)
    vae_("calibrate", tmp_path / "x", "-m", folder)
    head, *rows = vae_("score", tmp_path / "x", "-m", folder, "--false-alarm-rate", 0.2).stdout.splitlines()
    assert head.split() == ["score_nats", "p_value", "verdict", "path"] and len(rows) == 70
    for row in rows:
        assert row.index(str(tmp_path)) == head.index("path")
        assert row[: head.index("path")].rstrip().endswith("ANOMALOUS") == (float(row.split()[1]) <= 0.2)
    assert head.index("verdict") == next(row for row in rows if "ANOMALOUS" in row).index("ANOMALOUS")
