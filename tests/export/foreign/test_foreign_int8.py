"""8-bit graphs of models that others trained: from examples, in nats or RMSE, and said where they win nothing."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from vae_export.errors import ExportError
from vae_export.foreign.exporting import export_foreign
from vae_export.foreign.model import ForeignModel
from vae_export.int8 import search as searching
from vae_export.int8.pictures import Pictures

from vae_runtime import VAE, ImageSpec, InputError

EXAMPLES = np.random.default_rng(0).random((12, 3, 8, 8)).astype(np.float32)
FASTER = {"encode": 1.5, "decode": 1.5}


class Patches(nn.Module):
    """[batch, 3] -> [batch, 3, 8, 8]: products with weights as MatMul, one of them shared with a Gelu's constant 1."""

    def __init__(self):
        super().__init__()
        self.rows, self.wide, self.out = nn.Linear(3, 64), nn.Linear(16, 32), nn.Linear(32, 48)

    def forward(self, z):
        return self.out(nn.functional.gelu(self.wide(self.rows(z).view(-1, 4, 16)))).reshape(-1, 3, 8, 8).sigmoid()


def autoencoder(**said):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.Flatten(), nn.Linear(32, 3))
    spec = ImageSpec(shape=(3, 8, 8), mode="RGB")
    return ForeignModel(encoder=encoder, decoder=Patches(), image=spec, latent_shape=(3,), **said)


def test_a_model_without_an_elbo_is_measured_by_its_reconstructions(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "speedups", lambda *models: FASTER)
    said = []
    model = autoencoder(encoder_gives="mean", likelihood="none", prior="none")
    export_foreign(tmp_path / "model", model, examples=EXAMPLES, int8=True, say=said.append)
    float32, int8 = (VAE.load(tmp_path / "model", precision=precision) for precision in ("float32", "int8"))
    assert "RMSE; 0.02 are allowed" in said[0]
    figures = float32.manifest.training
    x = Pictures.of_examples(EXAMPLES).held_out
    errors = (int8.reconstruct(x).astype(np.float64) - float32.reconstruct(x)) ** 2
    assert figures["int8_reconstruction_rmse"] == pytest.approx(np.sqrt(errors.mean(axis=(1, 2, 3))).mean(), abs=1e-4)
    operators = [node.op_type for node in onnx.load(tmp_path / "model" / "decoder.int8.onnx").graph.node]
    assert "MatMul" in operators and "QuantizeLinear" in operators
    assert "(RMSE, white is 1)" in (tmp_path / "model" / "README.md").read_text()


def test_where_8_bits_win_nothing_the_export_goes_on_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "speedups", lambda *models: {"encode": 0.8, "decode": 0.9})
    said = []
    model = autoencoder(encoder_gives="mean", likelihood="none", prior="none")
    export_foreign(tmp_path / "model", model, examples=EXAMPLES, int8=True, say=said.append)
    assert said[-1].startswith("No 8-bit graphs: int8 decode at batch 1 has 0.90 times the speed")
    assert VAE.load(tmp_path / "model").manifest.precisions == ("float32",)


def test_examples_are_three_sets_that_share_no_picture():
    numbered = np.arange(11, dtype=np.float32).reshape(-1, 1, 1, 1)
    parts = [set(part.ravel().tolist()) for part in Pictures.of_examples(numbered)]
    assert set.union(*parts) == set(range(11)) and sum(map(len, parts)) == 11
    with pytest.raises(ExportError, match="take 3 examples at least, better some hundred; there are 2"):
        Pictures.of_examples(numbered[:2])


def test_8_bits_without_examples_are_refused(tmp_path):
    with pytest.raises(InputError, match="int8 needs examples"):
        export_foreign(tmp_path / "model", autoencoder(), int8=True)
