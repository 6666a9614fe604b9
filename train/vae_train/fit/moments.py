"""An optimiser's moments as named tensors, so that a checkpoint holds them without a pickle."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ..checkpoint import under


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Those of every parameter, by its number: "optimizer.0.exp_avg"."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer.{index}.{name}": tensor for index, slots in state.items() for name, tensor in slots.items()}


def set_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser what `moments` had; before a first step there are none."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = {}
    for index, parameter in enumerate(parameters):
        slots = under(tensors, f"optimizer.{index}.")
        if slots:
            state[index] = {name: _in_layout_of(parameter, tensor) for name, tensor in slots.items()}
    optimizer.load_state_dict({"param_groups": optimizer.state_dict()["param_groups"], "state": state})


def _in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Fused Adam walks weights and moments in memory order, so they must be laid out alike (channels_last)."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else copy.copy(tensor)
