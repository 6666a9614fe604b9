"""Modules as other people write them: encoders and decoders of small pictures, each with other layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def seeded(make, seed: int = 0):
    """What `make` gives after torch's generator was seeded, with BatchNorm as after some training, in eval mode."""
    torch.manual_seed(seed)
    made = make()
    for module in made if isinstance(made, tuple) else (made,):
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
                part.weight.data.uniform_(0.5, 1.5)
                part.bias.data.normal_(0, 0.2)
        module.eval()
    return made


class TwoHeads(nn.Module):
    """A body, then mean and logvar as a tuple."""

    def __init__(self, body: nn.Module, features: int, latents: int) -> None:
        super().__init__()
        self.body, self.mean, self.logvar = body, nn.Linear(features, latents), nn.Linear(features, latents)

    def forward(self, x):
        features = self.body(x)
        return self.mean(features), self.logvar(features)


def dcgan():
    """BatchNorm, LeakyReLU, ConvTranspose and tanh: images in [-1, 1]."""
    body = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2)
    )
    decoder = nn.Sequential(
        nn.Linear(6, 16 * 16),
        nn.BatchNorm1d(16 * 16),
        nn.LeakyReLU(0.2),
        nn.Unflatten(1, (16, 4, 4)),
        nn.ConvTranspose2d(16, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(8, 3, 4, 2, 1),
        nn.Tanh(),
    )
    return TwoHeads(nn.Sequential(body, nn.Flatten()), 16 * 16, 6), decoder


class Attention(nn.Module):
    """A residual block of attention over places, by matrix products."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.qkv = nn.GroupNorm(4, channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        batch, channels, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, 3, channels, height * width).unbind(1)
        weights = torch.softmax(q.transpose(1, 2) @ k / channels**0.5, dim=-1)
        return x + self.out((v @ weights.transpose(1, 2)).reshape(batch, channels, height, width))


class Heads(nn.Module):
    """nn.MultiheadAttention over places, by its defaults."""

    def __init__(self, channels: int, *, batch_first: bool) -> None:
        super().__init__()
        self.attention, self.batch_first = nn.MultiheadAttention(channels, 4, batch_first=batch_first), batch_first

    def forward(self, x):
        batch, channels, height, width = x.shape
        order, back = ((0, 2, 1), (0, 2, 1)) if self.batch_first else ((2, 0, 1), (1, 2, 0))
        tokens = x.flatten(2).permute(*order)
        mixed, _ = self.attention(tokens, tokens, tokens)
        return x + mixed.permute(*back).reshape(batch, channels, height, width)


def attentive():
    """GroupNorm, SiLU and attention, spatial latents; the encoder gives mean and logvar side by side in a Normal."""
    body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.SiLU(), Attention(16))

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.out = body, nn.Conv2d(16, 8, 3, 2, 1)

        def forward(self, x):
            mean, logvar = self.out(self.body(x)).chunk(2, dim=1)
            return torch.distributions.Independent(torch.distributions.Normal(mean, (logvar / 2).exp()), 3)

    decoder = nn.Sequential(
        nn.Conv2d(4, 16, 3, 1, 1),
        Heads(16, batch_first=False),
        Heads(16, batch_first=True),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(16, 16, 3, 1, 1),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(16, 3, 3, 1, 1),
        nn.Sigmoid(),
    )
    return Encoder(), decoder


def upsampling():
    """Nearest and bilinear upsampling to sizes, pooling, padding; the encoder's forward gives a dict."""

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.ReflectionPad2d(1), nn.Conv2d(3, 8, 3), nn.ELU(), nn.AvgPool2d(2), nn.Conv2d(8, 8, 3, 1, 1), nn.Mish()
            )
            self.out = nn.Linear(8, 10)

        def forward(self, x):
            mu, log_var = self.out(self.body(x).mean((2, 3))).chunk(2, dim=1)
            return {"mu": mu, "log_var": log_var}

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.third = nn.Linear(5, 8 * 16), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 3, 3, 1, 1)

        def forward(self, z):
            x = F.softplus(self.first(z)).view(z.shape[0], 8, 4, 4)
            x = F.interpolate(x, size=(8, 8), mode="nearest")
            x = F.interpolate(F.hardswish(self.second(x)), size=(16, 16), mode="bilinear", align_corners=True)
            return self.third(x)

    return Encoder(), Decoder()


class Patches(nn.Module):
    """GELU and LayerNorm on patches with a class token: a small transformer's encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 1, 16))
        self.places = nn.Parameter(torch.randn(1, 17, 16))
        self.norm, self.mix = nn.LayerNorm(16), nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 12)

    def forward(self, x):
        batch = x.shape[0]
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(batch, -1, -1), tokens], dim=1) + self.places
        q, k, v = self.qkv(self.norm(tokens)).reshape(batch, 17, 3, 4, 4).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, 17, 16)
        tokens = tokens + mixed
        mean, std = self.out((tokens + self.mix(self.norm(tokens)))[:, 0]).chunk(2, dim=-1)
        return mean, F.softplus(std)


def patches():
    """A transformer of patches, whose encoder gives a standard deviation; the decoder gives pixels in rows."""
    decoder = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 3 * 16 * 16), nn.Sigmoid())
    return Patches(), decoder


def deterministic():
    """An autoencoder without a posterior, of spatial latents."""
    encoder = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 2, 4, 2, 1))
    decoder = nn.Sequential(
        nn.Conv2d(2, 12, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU(), nn.ConvTranspose2d(3, 3, 2, 2), nn.Sigmoid()
    )
    return encoder, decoder
