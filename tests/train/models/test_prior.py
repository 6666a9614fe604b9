"""The learned prior: a bijection whose density is what automatic differentiation and quadrature say."""

import dataclasses

import pytest
import torch
from torch.distributions import Normal
from vae_export.graphs.flow import PriorLogProbGraph, PriorSampleGraph
from vae_train.config import mlp_2d
from vae_train.models.densities import gaussian_kl, log_normal
from vae_train.models.networks import build
from vae_train.models.prior import Flow, StandardNormal


def make(latent_size, *, spread=0.5):
    """A flow whose weights are drawn, not trained: nothing about it is special."""
    torch.manual_seed(0)
    flow = Flow(dataclasses.replace(mlp_2d(), latent_size=latent_size, prior="flow", flow_layers=4, flow_width=16))
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, 0, spread)
    return flow.double()


@pytest.mark.parametrize("latent_size", [2, 5, 40])
def test_noise_to_latent_and_back_is_the_identity(latent_size):
    flow, eps = make(latent_size, spread=0.2), torch.randn(50, latent_size, dtype=torch.float64)
    z = flow.from_noise(eps)
    assert (z - eps).abs().max() > 0.1
    torch.testing.assert_close(flow.to_noise(z)[0], eps, atol=1e-8, rtol=1e-8)


def test_the_log_determinant_is_that_of_automatic_differentiation():
    flow = make(5)
    for eps in torch.randn(5, 5, dtype=torch.float64):
        jacobian = torch.autograd.functional.jacobian(flow.from_noise, eps)
        sign, expected = torch.linalg.slogdet(jacobian)
        log_det = flow.to_noise(flow.from_noise(eps))[1]
        torch.testing.assert_close(log_det, expected)
        assert sign == 1


def test_the_density_sums_to_one_over_the_plane():
    flow = make(2, spread=0.3)
    axis = torch.linspace(-25, 25, 1501, dtype=torch.float64)
    plane = torch.cartesian_prod(axis, axis)
    with torch.inference_mode():
        mass = sum(flow.log_prob(points).exp().sum() for points in plane.split(50_000)) * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=2e-3)


def test_a_new_flow_is_the_standard_normal():
    flow = Flow(dataclasses.replace(mlp_2d(), latent_size=3, prior="flow"))
    z = torch.randn(9, 3)
    assert torch.equal(flow.from_noise(z), z)
    torch.testing.assert_close(flow.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(1))


@torch.inference_mode()
def test_the_standard_normals_kl_is_exact_and_the_flows_is_right_on_average():
    mean, logvar = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.3]])
    z = mean + (logvar / 2).exp() * torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    exact = StandardNormal().kl(z, mean, logvar)
    torch.testing.assert_close(exact, gaussian_kl(mean, logvar))
    identity = Flow(dataclasses.replace(mlp_2d(), prior="flow"))
    assert identity.kl(z, mean, logvar).mean().item() == pytest.approx(exact.item(), abs=0.01)
    flow = make(2).float()
    expected = log_normal(z, mean, logvar) - flow.log_prob(z)
    torch.testing.assert_close(flow.kl(z, mean, logvar), expected)


def test_the_exported_graphs_with_their_masks_folded_are_the_same_map():
    flow = make(6, spread=0.3)
    eps = torch.randn(20, 6, dtype=torch.float64)
    sample, log_prob = PriorSampleGraph(flow).double(), PriorLogProbGraph(flow).double()
    z = sample(eps)
    torch.testing.assert_close(z, flow.from_noise(eps))
    found_eps, found_log_prob = log_prob(z)
    torch.testing.assert_close(found_eps, eps)
    torch.testing.assert_close(found_log_prob, flow.log_prob(z), atol=1e-6, rtol=1e-6)


def test_a_prior_takes_no_part_in_the_seeded_weights_of_the_others():
    """So that runs with and without it begin alike, and old checkpoints of the standard normal still load."""
    plain = build(mlp_2d(), torch.device("cpu")).state_dict()
    learned = build(dataclasses.replace(mlp_2d(), prior="flow"), torch.device("cpu")).state_dict()
    assert all(torch.equal(tensor, learned[name]) for name, tensor in plain.items())
    assert {name.split(".")[0] for name in learned.keys() - plain.keys()} == {"prior"}
