"""What the outputs of a pair of graphs mean: encoder and decoder as the export takes them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .graph import Graph
from .halves import STACKED, Decoder, Encoder, named_posterior, only_output
from .layout import FIRST, layout_of, require_fit
from .module import OnnxModule

PictureShape = tuple[int, int, int]  # channels, height, width


class Encoding(NamedTuple):
    """An encoder, the graph inside, and what it gives, as `export_model` names it."""

    half: Encoder
    network: OnnxModule
    gives: str

    @torch.no_grad()
    def mean(self, images: Tensor) -> Tensor:
        """images in the maker's range -> means [batch, *latent_shape]."""
        given = self.half(images)
        return given if isinstance(given, Tensor) else given[0]


def read_encoder(encoder: Graph, decoder: Graph, shape: PictureShape, gives: str | None) -> Encoding:
    """Find mean and spread by the names of outputs, or by what the user says they give.

    One output that is twice as wide as what the decoder takes is both, one after the other on axis 1.
    """
    place, outputs = encoder.path.name, encoder.signature.outputs
    names, gives = named_posterior(outputs) or ((), gives)
    if not names and gives and len(outputs) > 1:
        names = tuple(port.name for port in outputs[: 1 if gives == "mean" else 2])
    names = names or (only_output(outputs, place, "say with --encoder-gives what its first outputs are."),)
    network = encoder.module(names)
    port = encoder.port(network)
    layout = layout_of(port.sides[1:], place) if port.sides else FIRST
    if port.sides:
        require_fit(port.sides[1:], layout, shape, place)
    stacked = len(names) == 1 and gives != "mean" and _is_stacked(network, layout, shape, decoder)
    half = Encoder(network, layout, stacked=stacked, bounded=names[0] == STACKED).eval()
    return Encoding(half, network, gives or ("mean, logvar" if stacked else "mean"))


def read_decoder(decoder: Graph, shape: PictureShape) -> tuple[Decoder, OnnxModule]:
    """The decoder, and the graph inside."""
    place, outputs = decoder.path.name, decoder.signature.outputs
    network = decoder.module((only_output(outputs, place, "expected a decoder of one output, its images."),))
    sides = outputs[0].sides
    layout = layout_of(sides[1:], place) if sides else FIRST
    if sides:
        require_fit(sides[1:], layout, shape, place)
    return Decoder(network, layout, shape).eval(), network


def _is_stacked(network: OnnxModule, layout: str, shape: PictureShape, decoder: Graph) -> bool:
    with torch.no_grad():
        given = Encoder(network, layout, stacked=False, bounded=False)(torch.zeros(1, *shape))
    assert isinstance(given, Tensor)
    taken = decoder.signature.inputs[0].sides if decoder.signature.inputs else None
    if not taken or len(taken) < 2 or taken[1] is None:
        return network.outputs[0] == STACKED
    return given.shape[1] == 2 * taken[1]
