"""The learned prior as two graphs of plain matrix products: its masks are multiplied into the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from vae_train.models.prior import SCALE_LIMIT, Coupling, Flow, Prior, StandardNormal

from .linear import linear


class FoldedCoupling(nn.Module):
    """A coupling whose masks are zeros of its first and last weights."""

    def __init__(self, coupling: Coupling) -> None:
        super().__init__()
        mask, moved = coupling.mask, 1 - coupling.mask
        self.hidden_1 = linear(coupling.hidden_1.weight * mask, coupling.hidden_1.bias)
        self.hidden_2 = linear(coupling.hidden_2.weight, coupling.hidden_2.bias)
        # The scale's division by its limit goes into its weights too.
        rows = moved / SCALE_LIMIT
        self.scale = linear(coupling.scale.weight * rows[:, None], coupling.scale.bias * rows)
        self.shift = linear(coupling.shift.weight * moved[:, None], coupling.shift.bias * moved)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, as `Coupling.terms`."""
        hidden = self.hidden_2(self.hidden_1(x).relu()).relu()
        return SCALE_LIMIT * torch.tanh(self.scale(hidden)), self.shift(hidden)


class PriorSampleGraph(nn.Module):
    """eps -> z."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.couplings = _folded(flow)

    def forward(self, eps: Tensor) -> Tensor:
        for coupling in self.couplings:
            assert isinstance(coupling, FoldedCoupling)
            s, t = coupling.terms(eps)
            eps = eps * s.exp() + t
        return eps


class PriorLogProbGraph(nn.Module):
    """z -> eps, log_prob.

    Terms are added coordinate by coordinate and summed by one matrix product: onnxruntime's ReduceSum adds in another
    order for another batch size, and a score would depend on the batch.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.couplings = _folded(flow)
        size = flow.latent_size
        self.sum = linear(torch.ones(1, size), torch.full((1,), -0.5 * size * math.log(2 * math.pi)))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        log_scales = torch.zeros(1)
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, FoldedCoupling)
            s, t = coupling.terms(z)
            z = (z - t) * (-s).exp()
            log_scales = log_scales + s
        return z, self.sum(-0.5 * (z * z) - log_scales).flatten()


def _flow_modules(prior: Prior) -> dict[str, nn.Module]:
    assert isinstance(prior, Flow)
    return {"prior_sample": PriorSampleGraph(prior), "prior_log_prob": PriorLogProbGraph(prior)}


# Of each family, the modules that become its graphs, by role; `vae_runtime/model/prior.py` has their signatures.
PRIOR_MODULES: Mapping[str, Callable[[Prior], dict[str, nn.Module]]] = {
    StandardNormal.name: lambda prior: {},
    Flow.name: _flow_modules,
}


def _folded(flow: Flow) -> nn.ModuleList:
    return nn.ModuleList(FoldedCoupling(coupling) for coupling in flow.couplings if isinstance(coupling, Coupling))
