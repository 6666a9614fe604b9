"""Modules that cannot come in: one sentence each, with the layer, its place and what to do; nothing is left behind."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from vae_export import export_model
from vae_export.errors import ExportError

from vae_runtime import ImageSpec, InputError

IMAGE = ImageSpec(shape=(1, 8, 8))
# Those that docs/YOUR_OWN_VAE.md shows with their sentences.
IN_THE_GUIDE = (
    "noise",
    "dropout",
    "numpy's noise",
    "statistics of the batch",
    "a shape of the data",
    "a choice by value",
    "the batch as a number",
    "an operator that the format lacks",
    "double",
    "two inputs",
)


class Wrapped(nn.Module):
    """A layer in the middle of an encoder, so that its place has a name."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), layer)
        self.mean, self.logvar = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        features = self.body(x)
        return self.mean(features), self.logvar(features)


class Layer(nn.Module):
    """A layer by a function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class TwoInputs(nn.Module):
    def forward(self, x, condition):
        return x.flatten(1)[:, :3] + condition


def decoder():
    return nn.Sequential(nn.Linear(3, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8)))


def with_nan():
    module = Wrapped(nn.ReLU())
    module.body[1].weight.data[0, 0] = float("nan")
    return module


def own_noise(x):
    return x + torch.randn_like(x)


ENCODERS = {
    "noise": (
        lambda: Wrapped(Layer(own_noise)),
        r"draws its own noise \(torch.randn_like, at encoder.body.2\): give the",
    ),
    "dropout": (
        lambda: Wrapped(Layer(lambda x: F.dropout(x, 0.5, training=True))),
        r"dropout is on in eval mode, at encoder.body.2; use nn.Dropout, or",
    ),
    "numpy's noise": (
        lambda: Wrapped(Layer(lambda x: x + random.random())),
        r"gives other numbers each time it is called, by no random operator of torch",
    ),
    "statistics of the batch": (
        lambda: Wrapped(nn.BatchNorm1d(6, track_running_stats=False)),
        r"depends on the rest of its batch, by body.2, which keeps no running statistics; normalise by running",
    ),
    "a shape of the data": (
        lambda: Wrapped(Layer(lambda x: x + 0 * x[x > 0].sum())),
        r"needs the operator NonZero, at encoder.body.2, which the format does not have: what it computes has a shape",
    ),
    "a choice by value": (
        lambda: Wrapped(Layer(lambda x: x if x.abs().sum() > -1 else -x)),
        r"cannot be traced at encoder.body.2: its forward chooses, loops or counts by the values",
    ),
    "the batch as a number": (
        lambda: Wrapped(Layer(lambda x: x.view(len(x), 2, 3).flatten(1))),
        r"takes the batch's size for a fixed number, as len\(x\)",
    ),
    "an operator that ONNX lacks": (
        lambda: Wrapped(Layer(lambda x: x + torch.linalg.svdvals(x[:, None, :2] * torch.eye(2)).sum(1, keepdim=True))),
        r"needs torch\._?linalg_svd\w*, at encoder.body.2, which ONNX does not have; write that layer",
    ),
    "an operator that the format lacks": (
        lambda: Wrapped(Layer(torch.sin)),
        r"needs the operator Sin, at encoder.body.2, which the format does not have: write that layer",
    ),
    "NaN": (with_nan, r"body.1.weight of the encoder holds NaN or infinity"),
    "double": (
        lambda: Wrapped(nn.ReLU()).double(),
        r"body.1.weight of the encoder is float64; the format's graphs are",
    ),
    "another device": (
        lambda: Wrapped(nn.ReLU()).to("meta"),
        r"body.1.weight of the encoder lies on meta; export from",
    ),
    "two inputs": (TwoInputs, r"the encoder does not run with one tensor .* give a function of one tensor, such as"),
    "another size": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 4)),
        r"the encoder's mean has the shape \[4\] a row, and latent_shape is \(3,\); say latent_shape=\(4,\)",
    ),
    "another distribution": (
        lambda: Layer(lambda x: torch.distributions.Laplace(x.flatten(1)[:, :3], 1.0)),
        r"gives a Laplace; the format's posteriors are diagonal Gaussians",
    ),
    "fields that nobody knows": (
        lambda: Layer(lambda x: {"code": x.flatten(1)[:, :3]}),
        r"gives a dict with code, which has none of the fields mean, mu,",
    ),
}


def refused(folder, match, **arguments):
    usual = {"encoder": Wrapped(nn.ReLU()), "decoder": decoder(), "latent_shape": (3,), "likelihood": "bernoulli"}
    with pytest.raises((ExportError, InputError), match=match) as raised:
        export_model(folder / "model", image=IMAGE, **{**usual, "encoder_gives": "mean, logvar", **arguments})
    assert list(folder.iterdir()) == [], "something is left behind"
    return str(raised.value)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_that_cannot_come_in_is_refused_by_one_sentence(tmp_path, root, name):
    make, match = ENCODERS[name]
    torch.manual_seed(0)
    gives = None if name in ("another size", "another distribution", "fields that nobody knows") else "mean, logvar"
    said = refused(tmp_path, match, encoder=make(), encoder_gives=gives)
    assert said.endswith(".") and "\n" not in said and len(said) < 500
    guide = (root / "docs" / "YOUR_OWN_VAE.md").read_text(encoding="utf-8")
    assert (f"| {said} |" in guide) == (name in IN_THE_GUIDE)


def test_two_tensors_without_a_name_are_asked_for(tmp_path):
    refused(
        tmp_path,
        r'gives 2 tensors, and nothing says what they are: say encoder_gives="mean, logvar"',
        encoder_gives=None,
    )


DECODERS = {
    "images of another range": (
        lambda: nn.Sequential(nn.Linear(3, 64), nn.Hardtanh(-0.9, 0.9), nn.Unflatten(1, (1, 8, 8))),
        {"likelihood": "none"},
        r"images lie in \[-0.9, 0.9\], \d\d% of their numbers outside value_range \(0, 1\); say the range",
    ),
    "no sigmoid": (
        lambda: nn.Sequential(nn.Linear(3, 64), nn.Hardtanh(0, 1), nn.Unflatten(1, (1, 8, 8))),
        {},
        r"images are not the sigmoid of anything; give the module that gives logits with decoder_gives=\"logits\"",
    ),
    "another shape": (
        lambda: nn.Sequential(nn.Linear(3, 49), nn.Sigmoid(), nn.Unflatten(1, (1, 7, 7))),
        {},
        r"the decoder's image has the shape \[1, 7, 7\] a row, and image.shape is \(1, 8, 8\)",
    ),
    "no sigma": (decoder, {"likelihood": "gaussian"}, r"a Gaussian likelihood needs a sigma: give sigma=, in units"),
    "Bernoulli in another range": (
        decoder,
        {"value_range": (-1, 1)},
        r"value_range is \(-1, 1\) and the likelihood bernoulli",
    ),
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_that_cannot_come_in_is_refused_by_one_sentence(tmp_path, name):
    make, arguments, match = DECODERS[name]
    torch.manual_seed(0)
    refused(tmp_path, match, decoder=make(), **arguments)


def test_a_graph_beyond_every_limit_is_refused(tmp_path, monkeypatch):
    from vae_export.checks import limits

    from vae_runtime.model.limits import Limits

    monkeypatch.setattr(limits, "USUAL", Limits(work=1))
    monkeypatch.setattr(limits, "LARGE", Limits(work=2))
    refused(tmp_path, r"the model is too large for the format \(a row takes .* multiplications, more than 2\)")


@pytest.mark.parametrize(
    ("argument", "given", "match"),
    [
        ("latent_shape", (), r"latent.shape is \[\]; expected 1 to 3 whole numbers"),
        ("latent_scale", 0.0, r"latent.scale is 0.0; expected a positive number"),
        ("likelihood", "poisson", r"likelihood is 'poisson'; expected one of 'bernoulli', 'gaussian', 'none'"),
        ("prior", "vamp", r"prior is 'vamp'; expected one of 'standard_normal', 'none', a LearnedPrior"),
        ("value_range", (1, 0), r"value_range is \(1, 0\); expected two numbers, black before white"),
        ("sigma", 0.1, r"sigma is of likelihood=\"gaussian\"; this one is 'bernoulli'"),
        (
            "examples",
            np.zeros((2, 8, 8), np.float32),
            r"examples is float32 \[2, 8, 8\]; expected float32 \[n, 1, 8, 8\]",
        ),
        ("normal", np.full((2, 1, 8, 8), 255, np.float32), r"normal has values from 255 to 255; expected \[0, 1\]"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(tmp_path, argument, given, match):
    refused(tmp_path, match, **{argument: given})


def test_modules_are_left_in_the_mode_that_they_were_in(tmp_path):
    module = Wrapped(nn.Dropout()).train()
    module.mean.eval()
    refused(tmp_path, "needs a sigma", encoder=module, likelihood="gaussian")
    assert module.training and module.body[2].training and not module.mean.training
