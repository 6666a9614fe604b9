"""A linear layer of given weights."""

from torch import Tensor, nn


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """weight [outputs, inputs] and bias [outputs] as a layer, copied."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
    return layer
