"""The networks q(z|x) and p(x|z): an MLP and a residual convolutional pair, mirror images of each other.

Kingma and Welling 2014, "Auto-encoding variational Bayes", appendix C: a diagonal Gaussian posterior whose mean and
log-variance an encoder gives, and a decoder that gives the mean of p(x|z), here as logits.

The convolutional decoder upsamples by Conv + PixelShuffle (Shi et al. 2016) and not by transposed convolution: the same
function class, without checkerboards, and integer kernels exist for it.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_runtime.errors import InputError

from ..config import Config
from .likelihood import likelihood_of
from .prior import build_prior
from .shortcut import ShortcutDecoder, ShortcutEncoder

# exp of these is far outside any trained posterior and far inside float32: hostile pixels cannot give infinity.
LOGVAR_LIMITS = (-30.0, 20.0)


class VAE(nn.Module):
    """Encoder, decoder, prior and likelihood as one module; a checkpoint names its weights after them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        if config.network == "mlp":
            self.encoder: nn.Module = mlp_encoder(config)
            self.decoder: nn.Module = mlp_decoder(config)
        elif config.linear_pool:
            self.encoder = ShortcutEncoder(config, conv_encoder(config))
            self.decoder = shortcut_decoder(config)
        else:
            self.encoder = conv_encoder(config)
            self.decoder = conv_decoder(config)
        self.prior = build_prior(config)
        self.likelihood = likelihood_of(config)()

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images [batch, channels, height, width] in [0, 1] -> mean, logvar of q(z|x), each [batch, latent_size]."""
        mean, logvar = self.encoder(images).chunk(2, dim=1)
        return mean, logvar.clamp(*LOGVAR_LIMITS)

    def decode(self, z: Tensor) -> Tensor:
        """z [batch, latent_size] -> logits of the mean of p(x|z), [batch, channels, height, width]."""
        logits: Tensor = self.decoder(z)
        return logits

    def mean_image(self, z: Tensor) -> Tensor:
        """z [batch, latent_size] -> the mean of p(x|z): images [batch, channels, height, width] in [0, 1]."""
        return self.likelihood.mean_image(self.decode(z))


def mlp_encoder(config: Config) -> nn.Sequential:
    """Flatten, hidden layers, one linear head for mean and log-variance together."""
    sizes = (_pixels(config), *config.widths)
    return nn.Sequential(
        nn.Flatten(),
        *_hidden(sizes),
        nn.Linear(sizes[-1], 2 * config.latent_size),
    )


def mlp_decoder(config: Config) -> nn.Sequential:
    """The hidden layers backwards, then one logit a pixel."""
    sizes = (config.latent_size, *reversed(config.widths))
    return nn.Sequential(
        *_hidden(sizes),
        nn.Linear(sizes[-1], _pixels(config)),
        nn.Unflatten(1, config.image_shape),
    )


class Residual(nn.Module):
    """x + conv(relu(conv(x))), then ReLU; starts as the identity, so that depth costs nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.conv_2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv_2(F.relu(self.conv_1(x))))


def residuals(channels: int, blocks: int) -> nn.Sequential:
    """A stage of residual blocks; under one name, so that a run with fewer can start one with more (`fit --from`)."""
    return nn.Sequential(*(Residual(channels) for _ in range(blocks)))


def conv_encoder(config: Config) -> nn.Sequential:
    """Strided convolutions, each followed by residual blocks, then one linear head.

    A stride halves a side downwards; of an odd side the last row is still inside the last window.
    """
    channels, height, width = config.image_shape
    if min(height, width) < 2 ** len(config.widths):
        raise InputError(
            f"images of {width}x{height} cannot be halved {len(config.widths)} times; give fewer --widths."
        )
    stages: list[nn.Module] = []
    for before, after in itertools.pairwise((channels, *config.widths)):
        stages += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU(), residuals(after, config.blocks)]
        height, width = height // 2, width // 2
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(config.widths[-1] * height * width, 2 * config.latent_size))


def conv_decoder(config: Config) -> nn.Sequential:
    """The encoder backwards: linear, residual blocks, Conv + PixelShuffle once a stage; what is too much is cut off."""
    stages, _, crop = conv_stages(config)
    layers = [layer for stage in stages for layer in stage]
    return nn.Sequential(*layers, *([] if isinstance(crop, nn.Identity) else [crop]))


def shortcut_decoder(config: Config) -> ShortcutDecoder:
    """The same stages with a linear sketch that one of them takes in."""
    stages, grid, crop = conv_stages(config)
    return ShortcutDecoder(config, stages, grid, crop)


def conv_stages(config: Config) -> tuple[list[nn.Sequential], tuple[int, int], nn.Module]:
    """A decoder's stages from z to logits, [rows, columns] of the last one's output, and what cuts it to the image.

    Each stage but the first doubles the resolution. ReLU comes before what only moves numbers, where an inference
    engine makes it part of the layer.
    """
    channels, height, width = config.image_shape
    scale, coarsest = 2 ** len(config.widths), config.widths[-1]
    rows, columns = -(-height // scale), -(-width // scale)
    stages = [
        nn.Sequential(
            nn.Linear(config.latent_size, coarsest * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (coarsest, rows, columns)),
        )
    ]
    for before, after in itertools.pairwise(reversed(config.widths)):
        stages.append(
            nn.Sequential(
                residuals(before, config.blocks),
                nn.Conv2d(before, 4 * after, 3, padding=1),
                nn.ReLU(),
                nn.PixelShuffle(2),
            )
        )
    finest = config.widths[0]
    stages.append(
        nn.Sequential(
            residuals(finest, config.blocks), nn.Conv2d(finest, 4 * channels, 3, padding=1), nn.PixelShuffle(2)
        )
    )
    grid = rows * scale, columns * scale
    return stages, grid, nn.Identity() if grid == (height, width) else Crop(height, width)


class Crop(nn.Module):
    """The upper left [height, width] of larger images."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.height, : self.width]


def _hidden(sizes: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers


def _pixels(config: Config) -> int:
    channels, height, width = config.image_shape
    return channels * height * width


def parameter_count(module: nn.Module) -> int:
    """How many numbers a module has learnt."""
    return sum(parameter.numel() for parameter in module.parameters())


def build(config: Config, device: torch.device) -> VAE:
    """A fresh model of the config on a device, its weights drawn from torch's seeded generator."""
    torch.manual_seed(config.seed)
    return VAE(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
