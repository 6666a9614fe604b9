"""`export_model`: a model that somebody else trained becomes a checked model folder, from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vae_runtime.errors import InputError
from vae_runtime.spec import ImageSpec

from ..draft import Exported, ExportRequest
from ..int8.asked import search_on_examples
from ..pipeline import carry_out
from .halves import as_module, evaluating
from .model import Foreign, ForeignModel, Half, LearnedPrior
from .pictures import as_images
from .tracing import unvalidated_distributions

Pictures = npt.NDArray[np.float32] | str | os.PathLike[str]  # images, or a folder of pictures


def export_model(
    folder: str | os.PathLike[str],
    *,
    encoder: Half,
    decoder: Half,
    image: ImageSpec,
    latent_shape: Sequence[int],
    value_range: tuple[float, float] = (0, 1),
    encoder_gives: str | None = None,
    decoder_gives: str = "images",
    likelihood: str = "gaussian",
    sigma: float | Sequence[float] | None = None,
    prior: str | LearnedPrior = "standard_normal",
    examples: Pictures | None = None,
    normal: Pictures | None = None,
    int8: bool = False,
    latent_scale: float = 1.0,
    latent_shift: float = 0.0,
    license: str = "unknown",
    replace: bool = False,
    made_by: str = "",
) -> Exported:
    """Write a model folder of two halves in torch, checked against them; returns how they compare.

    Nothing is left at `folder` unless every check passed. Errors: InputError for what was given wrongly, ExportError
    for a model that cannot be exported, both with what to do.

    encoder: images float32 [batch, *image.shape] in value_range -> mean and spread of the posterior. A module, a bound
        method or a function. It may give a tuple, a torch.distributions.Normal, an object or dict with known fields
        (mean, mu or embedding; logvar, log_var or log_covariance; std or stddev; latent_dist), or one tensor, the
        latents of a deterministic autoencoder.
    decoder: z float32 [batch, *latent_shape] -> images [batch, *image.shape] in value_range, or logits.
    encoder_gives: "mean, logvar", "mean, std" or "mean"; None: as the names of fields say.
    decoder_gives: "images", or "logits" of pixels in [0, 1].
    likelihood: "bernoulli", "gaussian", or "none" for models that only encode and decode.
    sigma: of a Gaussian, in units of pixels in [0, 1]; None: estimated from `examples`.
    prior: "standard_normal", "none", or a LearnedPrior.
    examples: float32 [n, *image.shape] in [0, 1], or a folder of pictures: what the model is like, for sigma, the
        parity probes and int8.
    normal: the same, of pictures that the model was not trained on: their scores calibrate false-alarm rates.
    int8: also 8-bit graphs, if they lose little and run faster here.
    latent_scale, latent_shift: where latents of the maker are to be scaled: z = (z_maker - shift) * scale.
    license: SPDX name of the model's licence. replace: in place of another model in `folder`.
    made_by: the library and version that the model was trained with, for its card.
    """
    model = ForeignModel(
        encoder=encoder,
        decoder=decoder,
        image=image,
        latent_shape=tuple(latent_shape),
        value_range=value_range,
        encoder_gives=encoder_gives,
        decoder_gives=decoder_gives,
        likelihood=likelihood,
        sigma=tuple(sigma) if isinstance(sigma, Sequence) else sigma,
        prior=prior,
        latent_scale=latent_scale,
        latent_shift=latent_shift,
        made_by=made_by,
    )
    return export_foreign(
        Path(folder), model, examples=examples, normal=normal, int8=int8, license=license, replace=replace
    )


def export_foreign(
    folder: Path,
    model: ForeignModel,
    *,
    examples: Pictures | None = None,
    normal: Pictures | None = None,
    int8: bool = False,
    license: str = "unknown",
    replace: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Exported:
    """What `export_model` does, of a model that is described already, as an adapter gives it.

    say: takes the sentences of a search for 8-bit layers.
    """
    if int8 and examples is None:
        raise InputError("int8 needs examples: pictures that give ranges of activations, and that tell what is lost.")
    some = None if examples is None else as_images(examples, model.image, "examples")
    calibrate = None if normal is None else as_images(normal, model.image, "normal")
    halves = [as_module(half) for half in (model.encoder, model.decoder)]
    if isinstance(model.prior, LearnedPrior):
        halves += map(as_module, model.prior)
    search = search_on_examples(some, say) if int8 and some is not None else None
    request = ExportRequest(Foreign(model, some), folder, license, int8=search, calibrate=calibrate, replace=replace)
    with evaluating(*halves), unvalidated_distributions():
        return carry_out(request)
