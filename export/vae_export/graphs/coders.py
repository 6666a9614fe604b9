"""Encoder and decoder as modules whose forward is the graph."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from vae_train.models.networks import LOGVAR_LIMITS, VAE
from vae_train.models.shortcut import ShortcutEncoder

from .linear import linear


class EncoderGraph(nn.Module):
    """images -> mean, logvar. The one linear head becomes two, so that the graph needs no Split."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        encoder = model.encoder
        assert isinstance(encoder, (nn.Sequential, ShortcutEncoder))
        *body, head = (encoder.body, encoder.head) if isinstance(encoder, ShortcutEncoder) else encoder
        assert isinstance(head, nn.Linear)
        self.body = nn.Sequential(*body)
        (mean_weight, logvar_weight), (mean_bias, logvar_bias) = head.weight.chunk(2), head.bias.chunk(2)
        self.mean = linear(mean_weight, mean_bias)
        self.logvar = linear(logvar_weight, logvar_bias)
        self.shortcut = None
        if isinstance(encoder, ShortcutEncoder):
            self.shortcut = nn.Sequential(encoder.pool, encoder.linear)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images)
        mean: Tensor = self.mean(features)
        if self.shortcut is not None:
            mean = mean + self.shortcut(images)
        return mean, self.logvar(features).clamp(*LOGVAR_LIMITS)


class DecoderGraph(nn.Module):
    """z -> images, the mean of p(x|z), and what else the likelihood is computed from."""

    def __init__(self, model: VAE, names: Sequence[str]) -> None:
        super().__init__()
        self.body, self.decoded, self.names = model.decoder, model.likelihood.decoded, names

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        outputs = self.decoded(self.body(z))
        return tuple(outputs[name] for name in self.names)
