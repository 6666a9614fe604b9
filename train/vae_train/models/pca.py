"""A model with a linear map begins as probabilistic principal components, the optimum of a linear VAE.

Tipping and Bishop 1999, "Probabilistic principal component analysis"; that a linear VAE's optimum is theirs: Lucas,
Tucker, Grosse and Norouzi 2019, "Don't blame the ELBO!". From here the convolutions learn what is not linear, and a run
of few steps is no worse than the linear model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .networks import VAE
from .shortcut import ShortcutDecoder, ShortcutEncoder

MOST_IMAGES = 2000  # looked at: the components of more are the same ones
AT_ONCE = 100  # images
LOGIT_MARGIN = 0.02  # pixels are kept so far from 0 and 1 where their logits are fitted
QUIET = 0.1  # share of their usual size that the convolutions' last weights begin with
LEAST_VARIANCE = 1.05  # of a component, in units of the noise's: below, it carries nothing


class Components(NamedTuple):
    """Probabilistic principal components of x [numbers]: posterior mean = gain * (directions @ (x - mean))."""

    mean: Tensor  # [numbers]
    directions: Tensor  # [components, numbers], orthonormal
    variances: Tensor  # [components], noise included
    noise: float  # variance of a number that the components leave

    @property
    def gain(self) -> Tensor:
        return (self.variances - self.noise).sqrt() / self.variances

    @property
    def posterior_variance(self) -> Tensor:
        return self.noise / self.variances

    def log_prob(self, x: Tensor) -> Tensor:
        """log N(x; mean, W W^T + noise I), nats: x [batch, numbers] -> [batch]. Tipping and Bishop 1999, equation 6."""
        centred = x.double() - self.mean
        latents = centred @ self.directions.T
        rest = centred.square().sum(1) - latents.square().sum(1)
        numbers, count = x.shape[1], len(self.variances)
        log_determinant = self.variances.log().sum() + (numbers - count) * math.log(self.noise)
        squares = (latents.square() / self.variances).sum(1) + rest / self.noise
        return -0.5 * (numbers * math.log(2 * math.pi) + log_determinant + squares)


@torch.no_grad()
def begin_as_components(model: VAE, images: Tensor, held_out: Tensor) -> None:
    """Set the linear maps of a new model; images and held_out: uint8 [batch, channels, height, width].

    The noise is measured on held-out images where there are some: the components of few images fit themselves too well.
    """
    encoder, decoder = model.encoder, model.decoder
    if not isinstance(encoder, ShortcutEncoder) or not isinstance(decoder, ShortcutDecoder):
        raise TypeError("the model has no linear map")
    device = next(model.parameters()).device
    some = images[torch.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES), device=images.device).long()]
    _pool_by_means(encoder)

    def of_all(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        parts = [function(rows.to(device).float() / 255) for rows in images.split(AT_ONCE)]
        return torch.cat(parts) if parts else torch.empty(0)

    seen, others = (of_all(encoder.pool, part) for part in (some, held_out[:MOST_IMAGES]))
    linear_model = components(seen, others, most=encoder.linear.out_features)
    count = len(linear_model.variances)
    linear = linear_model.gain[:, None] * linear_model.directions
    encoder.linear.weight.zero_()
    encoder.linear.weight[:count] = linear.float()
    mean_bias, logvar_bias = encoder.head.bias.zero_().chunk(2)
    mean_bias[:count] = -(linear @ linear_model.mean).float()
    logvar_bias[:count] = linear_model.posterior_variance.log().float()
    encoder.head.weight.mul_(QUIET)
    latents = of_all(lambda x: model.encode(x)[0], some).double()
    targets = of_all(lambda x: _pooled_logits(decoder, x), some).double()
    _fit_sketch(decoder, latents, targets, linear_model.posterior_variance)
    if model.likelihood.fits_sigma:
        errors = of_all(lambda x: (model.mean_image(model.encode(x)[0]) - x).square().flatten(1).mean(1), some)
        begun = model.likelihood.at_sigma(float(errors.mean().sqrt()))
        model.likelihood.load_state_dict(begun.state_dict())


def components(x: Tensor, held_out: Tensor, *, most: int) -> Components:
    """The first components of x [batch, numbers], in float64; no more than `most`, nor than x has beside its mean."""
    x, held_out = x.double(), held_out.double()
    mean = x.mean(0)
    centred = x - mean
    count = min(most, len(x) - 1, x.shape[1])
    if len(x) <= x.shape[1]:  # the smaller of the two products has the same eigenvalues
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        directions = vectors.flip(1)[:, :count].T @ centred
        directions = directions / directions.norm(dim=1, keepdim=True).clamp(min=1e-12)
    else:
        values, vectors = torch.linalg.eigh(centred.T @ centred)
        directions = vectors.flip(1)[:, :count].T
    rest = (held_out if len(held_out) else x) - mean
    noise = max(float((rest - rest @ directions.T @ directions).square().mean()), 1e-6)
    variances = (values.flip(0)[:count] / len(x)).clamp(min=LEAST_VARIANCE * noise)
    return Components(mean, directions, variances, noise)


def _pool_by_means(encoder: ShortcutEncoder) -> None:
    convolution = encoder.pool[0]
    if not isinstance(convolution, nn.Conv2d):
        return
    assert convolution.bias is not None
    convolution.bias.zero_()
    box = torch.eye(len(convolution.weight), device=convolution.weight.device)[:, :, None, None]
    convolution.weight.copy_((box / math.prod(convolution.kernel_size)).expand_as(convolution.weight))


def _pooled_logits(decoder: ShortcutDecoder, images: Tensor) -> Tensor:
    """What a sketch should be of images: [batch, numbers]; the border is repeated where the grid is larger."""
    unflatten = decoder.sketch[1]
    assert isinstance(unflatten, nn.Unflatten)
    _, rows, columns = unflatten.unflattened_size
    right, below = columns * decoder.pool - images.shape[3], rows * decoder.pool - images.shape[2]
    means = F.avg_pool2d(F.pad(images, (0, right, 0, below), mode="replicate"), decoder.pool)
    return means.clamp(LOGIT_MARGIN, 1 - LOGIT_MARGIN).logit().flatten(1)


def _fit_sketch(decoder: ShortcutDecoder, z: Tensor, targets: Tensor, posterior_variance: Tensor) -> None:
    """The sketch is the ridge regression of its targets on latents; the rest of the decoder begins quietly."""
    linear = decoder.sketch[0]
    assert isinstance(linear, nn.Linear)
    count = len(posterior_variance)
    z, mean = z[:, :count], targets.mean(0)
    spread = z.T @ z + posterior_variance.diag() * len(z)  # the mean square of draws, not of their means
    weight = torch.linalg.solve(spread, z.T @ (targets - mean)).T
    linear.weight.zero_()
    linear.weight[:, :count] = weight.float()
    linear.bias.copy_(mean.float())
    for enlarge in decoder.enlarge:
        if isinstance(enlarge, nn.Conv2d) and enlarge.bias is not None:
            enlarge.bias.zero_()
            enlarge.weight.copy_(_bilinear(enlarge.in_channels, decoder.pool).to(enlarge.weight))
    last = [layer for layer in decoder.fine.modules() if isinstance(layer, nn.Conv2d)][-1]
    assert last.bias is not None
    last.weight.mul_(QUIET)
    last.bias.zero_()


def _bilinear(channels: int, pool: int) -> Tensor:
    """Weights of a 3x3 convolution before PixelShuffle that enlarge by `pool` bilinearly: [channels * pool^2, …]."""
    offsets = (torch.arange(pool) + 0.5) / pool - 0.5  # of a fine pixel's centre from the coarse one's
    line = torch.stack([(-offsets).clamp(min=0), 1 - offsets.abs(), offsets.clamp(min=0)], dim=1)  # [pool, 3]
    square = line[:, None, :, None] * line[None, :, None, :]  # [pool, pool, 3, 3]
    weight = torch.zeros(channels, pool, pool, channels, 3, 3)
    for channel in range(channels):
        weight[channel, :, :, channel] = square
    return weight.reshape(channels * pool**2, channels, 3, 3)
