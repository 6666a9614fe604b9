"""A model with a linear map begins as probabilistic principal components, and mirrors are taken where they help."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from torch import nn
from vae_train.config import PRESETS
from vae_train.data.datasets import Dataset
from vae_train.data.recipe import for_shape
from vae_train.fit.mirrors import mirrors_help
from vae_train.fit.training import fit
from vae_train.measure.trivial import mean_picture_bound
from vae_train.metrics import read_metrics
from vae_train.models.networks import build
from vae_train.models.pca import _bilinear, begin_as_components, components
from vae_train.models.shortcut import pool_for

CPU = torch.device("cpu")


def low_rank(count, shape, *, rank=3, noise=0.02, seed=0):
    """Pictures of a few smooth patterns and noise."""
    random = np.random.default_rng(seed)
    _, height, width = shape
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [
        np.sin(6 * np.random.default_rng(k).random() * x + 5 * np.random.default_rng(k + 9).random() * y + k)
        for k in range(rank)
    ]
    weights = 0.12 * random.standard_normal((count, shape[0], rank))
    images = 0.5 + np.einsum("ncr,rhw->nchw", weights, np.array(waves))
    images += noise * random.standard_normal(images.shape)
    return torch.from_numpy((images.clip(0, 1) * 255).round().astype(np.uint8))


@pytest.mark.parametrize("shape", [(60, 200), (300, 40)])
def test_components_are_those_of_probabilistic_pca(shape):
    random = np.random.default_rng(0)
    x = random.standard_normal((shape[0], 4)) @ random.standard_normal((4, shape[1])) + 0.1 * random.standard_normal(
        shape
    )
    principal = components(torch.from_numpy(x), torch.empty(0), most=4)
    expected = PCA(4, svd_solver="full").fit(x)
    cosines = np.abs((principal.directions.numpy() * expected.components_).sum(1))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
    np.testing.assert_allclose(principal.variances, expected.explained_variance_ * (len(x) - 1) / len(x), rtol=1e-6)


def test_the_density_of_components_is_the_gaussian_with_their_covariance():
    random = np.random.default_rng(0)
    x = random.standard_normal((50, 3)) @ random.standard_normal((3, 7)) + 0.3 * random.standard_normal((50, 7))
    principal = components(torch.from_numpy(x), torch.from_numpy(x), most=3)
    directions = principal.directions.numpy()
    covariance = (
        principal.noise * np.eye(7) + directions.T @ np.diag(principal.variances.numpy() - principal.noise) @ directions
    )
    expected = multivariate_normal(principal.mean.numpy(), covariance).logpdf(x)
    np.testing.assert_allclose(principal.log_prob(torch.from_numpy(x)).numpy(), expected, rtol=1e-9)


def test_noise_is_what_held_out_images_leave():
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.standard_normal((20, 100)))
    assert components(x, torch.empty(0), most=19).noise < 1e-3  # twenty images explain themselves
    assert components(x, torch.from_numpy(random.standard_normal((20, 100))), most=19).noise == pytest.approx(
        0.8, abs=0.1
    )


def test_the_encoder_begins_as_the_posterior_of_the_linear_model():
    """Tipping and Bishop 1999: mean M^-1 W^T (x - mu), variance noise M^-1, with M = W^T W + noise I."""
    images, held_out = low_rank(200, (1, 28, 28)), low_rank(40, (1, 28, 28), seed=1)
    config = dataclasses.replace(for_shape(PRESETS["conv"](), (1, 28, 28)), latent_size=3, prior="standard_normal")
    model = build(config, CPU)
    begin_as_components(model, images, held_out)
    x = (images.float() / 255).flatten(1).double()
    principal = components(x, (held_out.float() / 255).flatten(1), most=3)
    loadings = principal.directions.T * (principal.variances - principal.noise).sqrt()
    inverse = torch.linalg.inv(loadings.T @ loadings + principal.noise * torch.eye(3, dtype=torch.float64))
    expected = (x - principal.mean) @ loadings @ inverse
    assert torch.allclose(
        model.encoder.linear(model.encoder.pool(images.float() / 255)).double() - expected,
        (principal.mean @ loadings @ inverse).expand_as(expected),
        atol=1e-3,
    )
    bias = model.encoder.head.bias.detach().chunk(2)
    assert torch.allclose(bias[0].double(), -principal.mean @ loadings @ inverse, atol=1e-3)
    assert torch.allclose(bias[1].exp().double(), principal.noise * inverse.diagonal(), rtol=1e-3)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 37, 53), (3, 28, 120)])
def test_a_new_model_reconstructs_before_its_first_step(shape):
    images = low_rank(80, shape)
    model = build(dataclasses.replace(for_shape(PRESETS["conv"](), shape), latent_size=12), CPU)
    begin_as_components(model, images[:70], images[70:])
    x = images[70:].float() / 255
    with torch.no_grad():
        error = (model.decode(model.encode(x)[0]).sigmoid() - x).square().mean().sqrt()
    assert error < 0.45 * (x - (images[:70].float() / 255).mean(0)).square().mean().sqrt()
    assert model.likelihood.sigma == pytest.approx(float(error), rel=0.5)


def test_pictures_are_pooled_as_little_as_their_size_allows():
    assert [pool_for(shape, 3) for shape in ((1, 28, 28), (1, 64, 64), (3, 64, 64), (3, 64, 100), (3, 128, 128))] == [
        *(1, 1, 2, 2, 4)
    ]


@pytest.mark.parametrize("pool", [2, 4, 8])
def test_a_sketch_is_enlarged_bilinearly(pool):
    layer = nn.Conv2d(3, 3 * pool**2, 3, padding=1, bias=False)
    layer.weight.data = _bilinear(3, pool)
    sketch = torch.rand(2, 3, 6, 5)
    expected = F.interpolate(sketch, scale_factor=pool, mode="bilinear")
    inside = (..., slice(pool, -pool), slice(pool, -pool))  # outside, the convolution sees zeros
    assert torch.allclose(nn.PixelShuffle(pool)(layer(sketch))[inside], expected[inside], atol=1e-6)


def test_a_short_run_of_few_colour_pictures_is_better_than_the_mean_picture(tmp_path):
    images, labels = low_rank(80, (3, 28, 32)).numpy(), np.zeros(80, np.uint8)
    dataset = Dataset(images[:70], labels[:70], images[70:], labels[70:])
    config = dataclasses.replace(
        for_shape(PRESETS["conv"](), (3, 28, 32)),
        latent_size=8,
        validation_images=10,
        epochs=1,
        precision="float32",
        batch_size=16,
    )
    fit(config, tmp_path / "run", dataset, CPU)
    (row,) = read_metrics(tmp_path / "run")
    assert row["validation_bound"] > mean_picture_bound(config, dataset, images[60:70]) + 0.3 * 3 * 28 * 32


def test_mirrors_are_taken_where_held_out_pictures_are_likelier_so():
    random = np.random.default_rng(0)
    config = dataclasses.replace(PRESETS["conv"](), latent_size=20, validation_images=40, linear_pool=1)
    blobs = np.zeros((140, 1, 28, 28), np.uint8)
    for image in blobs:
        y, x = random.integers(2, 22, 2)
        image[0, y : y + 5, x : x + 5] = 255
    labels = np.zeros(140, np.uint8)
    assert mirrors_help(config, Dataset(blobs, labels, blobs[:1], labels[:1]))
    left = np.zeros_like(blobs)
    left[:, :, :, :6] = blobs[:, :, :, 11:17]
    assert not mirrors_help(config, Dataset(left, labels, left[:1], labels[:1]))
    assert not mirrors_help(dataclasses.replace(config, validation_images=0), Dataset(blobs, labels, blobs, labels))
