"""Modules as others write them become model folders: parity, families, calibration; whatever callable they come as."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from vae_export import LearnedPrior, export_model
from vae_export.checks.parity import largest

from tests.support import foreign_modules
from tests.support.foreign_modules import seeded
from vae_runtime import VAE, ImageSpec, InputError

IMAGE = ImageSpec(shape=(3, 16, 16), mode="RGB")
PICTURES = np.random.default_rng(0).random((20, 3, 16, 16), dtype=np.float32)
MODULES = {
    "dcgan": {
        "latent_shape": (6,),
        "value_range": (-1, 1),
        "encoder_gives": "mean, logvar",
        "examples": PICTURES,
        "normal": PICTURES,
    },
    "attentive": {"latent_shape": (4, 4, 4), "likelihood": "bernoulli", "latent_scale": 0.5, "latent_shift": 0.25},
    "upsampling": {"latent_shape": (5,), "decoder_gives": "logits", "likelihood": "bernoulli"},
    "patches": {"latent_shape": (6,), "encoder_gives": "mean, std", "sigma": (0.1, 0.2, 0.3)},
    "deterministic": {"latent_shape": (2, 4, 4), "likelihood": "none", "prior": "none"},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Each kind exported once: its modules, its folder opened, and what the export found."""
    known = {}

    def get(name):
        if name not in known:
            encoder, decoder = seeded(getattr(foreign_modules, name))
            folder = tmp_path_factory.mktemp("foreign") / name
            said = export_model(folder, encoder=encoder, decoder=decoder, image=IMAGE, **MODULES[name])
            known[name] = encoder, decoder, VAE.load(folder), said
        return known[name]

    return get


@pytest.mark.parametrize("name", MODULES)
def test_the_graphs_are_the_module_in_float64(exported, name):
    _, _, vae, said = exported(name)
    assert {item.truth for item in said.parity} == {"float64"}
    assert all(item.ours < 2e-6 for item in largest(said.parity).values())
    assert vae.latent_shape == MODULES[name]["latent_shape"]


@torch.inference_mode()
def test_the_value_range_and_sigma_lie_in_the_model(exported):
    encoder, decoder, vae, said = exported("dcgan")
    mean, logvar = encoder(torch.from_numpy(PICTURES) * 2 - 1)
    np.testing.assert_allclose(vae.encode(PICTURES).mean, mean, atol=1e-5)
    np.testing.assert_allclose(vae.encode(PICTURES).logvar, logvar, atol=1e-5)
    images = (decoder(mean) / 2 + 0.5).numpy()
    np.testing.assert_allclose(vae.decode(mean.numpy()), images, atol=1e-5)
    assert vae.manifest.likelihood.sigma == pytest.approx(math.sqrt(np.mean((images - PICTURES) ** 2)), rel=1e-5)
    assert said.calibrated.pictures == 20
    np.testing.assert_allclose(vae.manifest.calibration["elbo"], np.sort(vae.score(PICTURES)), rtol=1e-6)


@torch.inference_mode()
def test_a_normal_distribution_and_the_scale_of_latents_are_read(exported):
    encoder, decoder, vae, _ = exported("attentive")
    normal = encoder(torch.from_numpy(PICTURES))
    posterior = vae.encode(PICTURES)
    np.testing.assert_allclose(posterior.mean, (normal.mean - 0.25) * 0.5, atol=1e-5)
    np.testing.assert_allclose(np.exp(posterior.logvar / 2), normal.stddev * 0.5, atol=1e-5)
    np.testing.assert_allclose(vae.decode(posterior.mean), decoder(normal.mean), atol=1e-5)
    assert (vae.manifest.latent.scale, vae.manifest.latent.shift) == (0.5, 0.25)


@torch.inference_mode()
def test_a_standard_deviation_and_a_sigma_a_channel_are_read(exported):
    encoder, decoder, vae, _ = exported("patches")
    mean, std = encoder(torch.from_numpy(PICTURES))
    np.testing.assert_allclose(np.exp(vae.encode(PICTURES).logvar / 2), std, rtol=1e-4)
    images = decoder(mean).reshape(-1, 3, 16, 16).double()
    sigma = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)[:, None, None]
    expected = -torch.distributions.Normal(images, sigma).log_prob(torch.from_numpy(PICTURES).double()).sum((1, 2, 3))
    np.testing.assert_allclose(vae.score(PICTURES, method="reconstruction"), expected, rtol=1e-5)


@torch.inference_mode()
def test_an_autoencoder_without_densities_reconstructs_and_scores_by_its_error(exported):
    encoder, decoder, vae, _ = exported("deterministic")
    images = decoder(encoder(torch.from_numpy(PICTURES))).numpy()
    np.testing.assert_allclose(vae.score(PICTURES), np.square(PICTURES - images, dtype=float).sum((1, 2, 3)), rtol=1e-4)
    assert vae.encode(PICTURES).logvar is None
    with pytest.raises(InputError, match="no prior"):
        vae.sample(1)


class Whole(nn.Module):
    """Both halves in one module, under names of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(16, 4), nn.Linear(2, 16)

    def project(self, x):
        return self.down(x.flatten(1)).chunk(2, dim=1)

    def draw(self, z):
        return self.up(z).sigmoid().view(-1, 1, 4, 4)


def test_methods_functions_and_an_invertible_prior_come_in(tmp_path):
    whole = seeded(Whole)

    def decoder(z):
        return whole.draw(z)

    def log_prob(z):
        eps = (z - 1) / 2
        noise = -0.5 * (eps * eps).sum(1) - math.log(2 * math.pi)
        return eps, noise - 2 * math.log(2)

    said = export_model(
        tmp_path / "model",
        encoder=whole.project,
        decoder=decoder,
        image=ImageSpec(shape=(1, 4, 4)),
        latent_shape=(2,),
        encoder_gives="mean, logvar",
        likelihood="bernoulli",
        prior=LearnedPrior(lambda eps: 2 * eps + 1, log_prob),
        made_by="a test",
    )
    assert {item.truth for item in said.parity} == {"float64"} and not (tmp_path / "model" / "checkpoint").exists()
    vae = VAE.load(tmp_path / "model")
    z = np.array([[0.5, -1.0]], np.float32)
    expected = torch.distributions.Normal(1.0, 2.0).log_prob(torch.from_numpy(z)).sum().item()
    assert vae.prior.log_prob(z, batch_size=1) == pytest.approx(expected, abs=1e-5)
    assert "made by a test" in (tmp_path / "model" / "README.md").read_text()
    with torch.inference_mode():
        images = decoder(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(vae.decode(z), images, atol=1e-6)


def test_a_module_that_asks_for_float32_is_held_against_itself(tmp_path):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(2, 16)

        def forward(self, z):
            return (self.up(z) + torch.ones(16, dtype=torch.float32)).sigmoid().float().view(-1, 1, 4, 4)

    image = ImageSpec(shape=(1, 4, 4))
    halves = {"encoder": encoder, "decoder": Decoder(), "image": image, "latent_shape": (2,)}
    said = export_model(tmp_path / "model", **halves, likelihood="none", prior="none")
    assert {item.truth for item in said.parity} == {"float32"}
    assert "against the torch model in float32" in (tmp_path / "model" / "README.md").read_text()


def test_nothing_is_left_behind_where_a_late_check_fails(tmp_path, monkeypatch):
    from vae_export import steps
    from vae_export.errors import ExportError

    def refuse(parity):
        raise ExportError("another model")

    monkeypatch.setattr(steps, "require_parity", refuse)
    encoder, decoder = seeded(foreign_modules.deterministic)
    with pytest.raises(ExportError, match="another model"):
        export_model(tmp_path / "m", encoder=encoder, decoder=decoder, image=IMAGE, **MODULES["deterministic"])
    assert list(tmp_path.iterdir()) == []


def test_a_plain_area_leaves_norms_nothing_to_enlarge(tmp_path):
    """Groups of one channel with a small epsilon: each norm would enlarge the rounding of a mean a thousand times."""

    def encoder():
        layers = []
        for before, after in ((3, 8), (8, 8), (8, 8)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(8, after, eps=1e-6), nn.SiLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 256, 4)), nn.Linear(4, 768)

    encoder, decoder = seeded(encoder)
    said = export_model(
        tmp_path / "plain",
        encoder=encoder,
        decoder=nn.Sequential(decoder, nn.Sigmoid(), nn.Unflatten(1, (3, 16, 16))),
        image=IMAGE,
        latent_shape=(4,),
        value_range=(-1, 1),
        likelihood="none",
        prior="none",
    )
    (plain,) = (item for item in said.parity if (item.tensor, item.probe) == ("mean", "plain pictures"))
    assert plain.ours < 2e-6
