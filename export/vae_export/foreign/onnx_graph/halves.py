"""Encoder and decoder of a pair of graphs, with pictures and latents as the export hands them over."""

from __future__ import annotations

import re
from collections.abc import Sequence

import onnx
from torch import Tensor, nn

from vae_runtime.errors import InputError

from .layout import laid_out, pictures
from .module import OnnxModule
from .signature import Port

MEANS = ("mean", "mu", "z_mean", "latent_mean", "embedding", "loc")
LOGVARS = ("logvar", "log_var", "z_log_var", "z_logvar", "log_variance", "log_covariance", "latent_logvar")
STDS = ("std", "stddev", "std_dev", "sigma", "z_std", "latent_std")
STACKED = "latent_parameters"  # optimum's name of mean and logvar on one axis
LIMITS = (-30.0, 20.0)  # of logvar, as diffusers bounds it outside the graph


class Encoder(nn.Module):
    """images -> what `encoder_gives` says. Mean and logvar that lie on one axis are split."""

    def __init__(self, network: OnnxModule, layout: str, *, stacked: bool, bounded: bool) -> None:
        super().__init__()
        self.network, self.layout, self.stacked, self.bounded = network, layout, stacked, bounded

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        given = self.network(self.laid_out(images))
        if self.stacked:
            mean, logvar = given[0].chunk(2, dim=1)
            return mean, logvar.clamp(*LIMITS) if self.bounded else logvar
        return given if len(given) > 1 else given[0]

    def laid_out(self, images: Tensor) -> Tensor:
        """Images as the graph takes them."""
        return laid_out(images, self.layout)


class Decoder(nn.Module):
    """z -> images [batch, *shape]."""

    def __init__(self, network: OnnxModule, layout: str, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.network, self.layout, self.shape = network, layout, shape

    def forward(self, z: Tensor) -> Tensor:
        (given,) = self.network(z)
        return pictures(given, self.layout, self.shape)


def named_posterior(outputs: Sequence[Port]) -> tuple[tuple[str, ...], str] | None:
    """The outputs whose names are those of a mean and a spread, and what the encoder gives by them."""
    found = {kind: [port.name for port in outputs if _is(port.name, names)] for kind, names in _KINDS.items()}
    for spread in ("logvar", "std"):
        if len(found["mean"]) == 1 and len(found[spread]) == 1:
            return (found["mean"][0], found[spread][0]), f"mean, {spread}"
    return None


def only_output(outputs: Sequence[Port], place: str, option: str) -> str:
    """The one output; more of them are an InputError that names them."""
    if len(outputs) != 1:
        names = ", ".join(repr(port.name) for port in outputs)
        raise InputError(f"{place} gives {names or 'no floats'}; {option}")
    return outputs[0].name


def last_operator(model: onnx.ModelProto, output: str) -> str:
    """What computes an output, behind the nodes that only move numbers."""
    makers = {name: node for node in model.graph.node for name in node.output}
    while output in makers and makers[output].op_type in ("Cast", "Flatten", "Identity", "Reshape", "Transpose"):
        output = makers[output].input[0]
    return makers[output].op_type if output in makers else ""


def _is(name: str, names: Sequence[str]) -> bool:
    """One part of a name such as `encoder/z_mean/BiasAdd:0` is among the names."""
    return any(part in names for part in re.split(r"[/:.]", name.lower()))


_KINDS = {"mean": MEANS, "logvar": LOGVARS, "std": STDS}
