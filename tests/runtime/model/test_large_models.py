"""A model beyond the usual limits opens for a caller who says so, and for no other; nothing in a folder says it."""

import json
import pickle

import numpy as np
import pytest

from fuzz.disks import hostile_folders
from fuzz.engines import expensive
from tests.support.commands import vae_
from vae_runtime import VAE, IntegrityError, ManifestError
from vae_runtime.checks.verify import verify
from vae_runtime.model import limits

WIDER = "eight wide tensors alive"  # 2.1 GB, which a test only computes


@pytest.fixture
def small_limits(monkeypatch):
    """The usual limits so low that a sound model of a few kilobytes is beyond them."""
    monkeypatch.setattr(limits, "USUAL", limits.USUAL._replace(work=1000))


def test_the_usual_limits_name_the_way_to_larger_ones(tmp_path):
    folder = hostile_folders.write(tmp_path / "model", expensive.GRAPHS[WIDER]())
    with pytest.raises(IntegrityError, match=r"bytes of memory, more than 1,073,741,824.*--large"):
        VAE.load(folder)


def test_what_is_beyond_large_models_too_is_told_so(tmp_path):
    folder = hostile_folders.write(
        tmp_path / "model", expensive.wide(expensive.chain("Tanh", "x", "y", 40), (2**17, 2**17))
    )
    for large in (False, True):
        with pytest.raises(IntegrityError, match=r"a row takes .*\. Train and export a smaller model"):
            VAE.load(folder, large=large)


def test_a_large_model_opens_runs_and_pickles_for_whoever_says_so(folder, small_limits):
    with pytest.raises(IntegrityError, match=r"more than 1,000\); it was not opened.*large=True"):
        VAE.load(folder)
    vae = VAE.load(folder, large=True)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(vae)).sample(2), vae.sample(2))


def test_verify_replays_a_large_model(folder, small_limits):
    with pytest.raises(IntegrityError, match="--large"):
        verify(folder, providers="cpu", threads=1, precision="float32")
    assert verify(folder, providers="cpu", threads=1, precision="float32", large=True).passed


def test_files_that_are_longer_than_usual_are_for_large_models_alone(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["decoder"]["float32"]["bytes"] = 2**31 - 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match=r"from 0 to 134,217,728\. .*--large"):
        VAE.load(folder)
    with pytest.raises(IntegrityError, match=r"decoder\.onnx has .* bytes, the manifest says 2,147,483,647"):
        VAE.load(folder, large=True)
    assert "2,147,483,647 bytes" in vae_("info", "-m", folder).stdout


def test_no_file_is_longer_than_protobuf_can_read(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["decoder"]["float32"]["bytes"] = 2**31
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match="2,147,483,647"):
        VAE.load(folder, large=True)


@pytest.mark.parametrize(
    "verb", ["sample", "encode", "decode", "score", "reconstruct", "interpolate", "vary", "verify", "info"]
)
def test_every_verb_that_opens_a_model_has_the_option(verb):
    assert "--large" in vae_(verb, "--help").stdout
