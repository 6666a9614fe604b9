"""`vae decode`: images from latents."""

from __future__ import annotations

import click

from . import completion
from .keeping import claim
from .latents import read_latents
from .making import made, write_pictures
from .options import ModelChoice, model_options, output_option, overwrite_option
from .outputs import Output
from .unlike import say_built_in


@click.command()
@click.argument("latents", shell_complete=completion.file)
@output_option("One file an image as DIR/ or img-%04d.png; a grid as FILE.png; - for stdout.")
@overwrite_option
@model_options
def decode(latents: str, output: str, overwrite: bool, model: ModelChoice) -> None:
    """Decode latents to images.

    LATENTS is an .npz as `vae encode` writes it (its `mean`, or `z`) or an .npy [batch, ...], each of the
    shape of the model's latents.

    \b
    Example:
      vae decode latents.npz -o decoded/
    """
    from ..maths.arrays import check_latents

    out = Output.of_pictures(output)
    given = read_latents(latents)
    vae = model.open()
    z = check_latents(given, vae.latent_shape)
    claim(out.targets(len(z)), [latents], overwrite=overwrite)
    if model.built_in:
        say_built_in(vae.manifest)
    images = made(lambda first, n: vae.decode(z[first : first + n]), len(z), "images")
    write_pictures(out, images, len(z), vae.image_shape)
    out.say_written(f"{len(z)} images")
