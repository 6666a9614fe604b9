"""What is found out about two halves by running them: what they give, where logits are, how large sigma is."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from vae_train.models.prior import Prior, StandardNormal

from vae_runtime.errors import InputError
from vae_runtime.maths.noise import standard_normal

from ..errors import ExportError
from ..torch_side import Float32, smooth_images
from .densities import Bernoulli, GaussianImages, Invertible, SquaredError
from .halves import as_module
from .model import Foreign, ForeignModel, LearnedPrior
from .network import ForeignVAE, in_range
from .outputs import Said, read_images, read_posterior
from .probing import (
    ROWS,
    called,
    require_finite,
    require_range,
    require_rows_apart,
    require_shape,
    require_sound,
    require_steady,
)
from .sigmoid import without_last_sigmoid

LEAST_SIGMA = 0.5 / 255  # where a density of pixels in steps of 1/255 stops meaning anything
AT_ONCE = 64  # examples


def settled(foreign: Foreign) -> tuple[ForeignVAE, int]:
    """The model, and how many examples its sigma was estimated from; both halves are in eval mode already."""
    model = foreign.model
    encoder, decoder = as_module(model.encoder), as_module(model.decoder)
    require_sound(encoder, "encoder")
    require_sound(decoder, "decoder")
    said = _probed_encoder(encoder, model, _pictures(foreign))
    z = _latents(model, said)
    _probe_decoder(decoder, model, z)
    if model.likelihood == "bernoulli" and model.decoder_gives == "images":
        decoder = _of_logits(decoder, z)
    of_logits = model.decoder_gives == "logits" or model.likelihood == "bernoulli"
    whole = ForeignVAE(
        encoder,
        decoder,
        model,
        gives=said.gives,
        of_logits=of_logits,
        likelihood=_likelihood(model, of_logits, model.sigma or 1.0),
        prior=_prior(model),
    ).eval()
    if model.likelihood != "gaussian" or model.sigma is not None:
        return whole, 0
    if foreign.examples is None:
        raise InputError(
            "a Gaussian likelihood needs a sigma: give sigma=, in units of pixels in [0, 1], or examples= to estimate "
            'it from, or likelihood="none".'
        )
    whole.likelihood = _likelihood(model, of_logits, best_sigma(whole, foreign.examples))
    return whole, len(foreign.examples)


@torch.inference_mode()
def best_sigma(model: ForeignVAE, examples: Float32) -> float:
    """The sigma that makes examples likeliest: the root of the mean squared error of reconstructions from the mean."""
    squares = 0.0
    for start in range(0, len(examples), AT_ONCE):
        x = torch.from_numpy(examples[start : start + AT_ONCE])
        squares += float(((model.mean_image(model.encode(x)[0]) - x).double() ** 2).sum())
    return max(math.sqrt(squares / examples.size), LEAST_SIGMA)


def _pictures(foreign: Foreign) -> Tensor:
    """A few pictures in the encoder's range."""
    model = foreign.model
    some = foreign.examples if foreign.examples is not None else smooth_images(ROWS, model.image.shape)
    return in_range(torch.from_numpy(np.resize(some, (ROWS, *model.image.shape)).copy()), *model.value_range)


def _probed_encoder(encoder: nn.Module, model: ForeignModel, x: Tensor) -> Said:
    """What an encoder says of pictures [ROWS, ...], after everything that it must be."""

    def outputs(rows: slice = slice(None)) -> tuple[Tensor, ...]:
        said = read_posterior(called(encoder, x[rows], "encoder"), model.encoder_gives)
        return (said.mean,) if said.spread is None else (said.mean, said.spread)

    said = read_posterior(called(encoder, x, "encoder"), model.encoder_gives)
    require_shape(said.mean, model.latent_shape, "the encoder's mean", "latent_shape")
    if said.spread is not None:
        name = "logvar" if said.gives == "mean, logvar" else "std"
        require_shape(said.spread, model.latent_shape, f"the encoder's {name}", "latent_shape")
        if name == "std" and (said.spread < 0).any():
            raise ExportError('the encoder\'s std is negative; say encoder_gives="mean, logvar" if it is a logarithm.')
    for tensor in outputs():
        require_finite(tensor, "what the encoder gives")
    require_steady(encoder, "encoder", outputs)
    require_rows_apart("encoder", outputs, encoder)
    return said


def _latents(model: ForeignModel, said: Said) -> Tensor:
    """Latents where the decoder lives: of pictures, and of noise where there is a prior of noise."""
    z = said.mean.clone()
    if model.prior == "standard_normal":
        noise = torch.from_numpy(standard_normal(ROWS, z[0].numel(), seed=0)).reshape(z.shape)
        z[ROWS // 2 :] = (noise / model.latent_scale + model.latent_shift)[ROWS // 2 :]
    return z


def _probe_decoder(decoder: nn.Module, model: ForeignModel, z: Tensor) -> None:
    def outputs(rows: slice = slice(None)) -> tuple[Tensor, ...]:
        return (read_images(called(decoder, z[rows], "decoder")),)

    (images,) = outputs()
    pixels = math.prod(model.image.shape)
    if tuple(images.shape) != (ROWS, pixels):  # rows of pixels are shaped by the export
        require_shape(images, model.image.shape, "the decoder's image", "image.shape")
    require_finite(images, "what the decoder gives")
    require_steady(decoder, "decoder", outputs)
    require_rows_apart("decoder", outputs, decoder)
    if model.decoder_gives == "images":
        require_range(images, model.value_range)


def _of_logits(decoder: nn.Module, z: Tensor) -> nn.Module:
    with torch.inference_mode():
        logits = without_last_sigmoid(decoder, z, read_images)
    if logits is None:
        raise ExportError(
            "the likelihood is bernoulli, whose densities are computed from logits, and the decoder's images are not "
            'the sigmoid of anything; give the module that gives logits with decoder_gives="logits", or '
            'likelihood="gaussian".'
        )
    return logits


def _likelihood(model: ForeignModel, of_logits: bool, sigma: float | tuple[float, ...]) -> nn.Module:
    if model.likelihood == "bernoulli":
        return Bernoulli()
    if model.likelihood == "gaussian":
        return GaussianImages(sigma, of_logits=of_logits)
    return SquaredError(of_logits=of_logits)


def _prior(model: ForeignModel) -> Prior | None:
    if isinstance(model.prior, LearnedPrior):
        return Invertible(model.prior, model.latent_shape)
    return StandardNormal() if model.prior == "standard_normal" else None
