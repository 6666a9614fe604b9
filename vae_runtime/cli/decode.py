"""`vae decode`: images from latents."""

from __future__ import annotations

import click

from . import completion
from .keeping import claim
from .latents import read_latents
from .making import made, write_pictures
from .options import ModelChoice, model_options, output_option, overwrite_option
from .outputs import Output
from .tiles import Tiles, painted, read_tiled, tile_options, write_picture
from .unlike import say_built_in


@click.command()
@click.argument("latents", shell_complete=completion.file)
@output_option("One file an image as DIR/ or img-%04d.png; a grid as FILE.png; - for stdout.")
@tile_options
@overwrite_option
@model_options
def decode(latents: str, output: str, tiles: Tiles, overwrite: bool, model: ModelChoice) -> None:
    """Decode latents to images.

    LATENTS is an .npz as `vae encode` writes it (its `mean`, or `z`) or an .npy [batch, ...], each of the
    shape of the model's latents; with --tile, of one picture of any size, as `vae encode --tile` writes it.

    \b
    Example:
      vae decode latents.npz -o decoded/
    """
    out = Output.of_pictures(output)
    write = _write_tiled if tiles.wanted else _write
    count = write(out, latents, tiles, overwrite, model)
    out.say_written(f"{count} image{'s' * (count != 1)}")


def _write(out: Output, latents: str, tiles: Tiles, overwrite: bool, model: ModelChoice) -> int:
    from ..maths.arrays import check_latents

    given = read_latents(latents)
    vae = model.open()
    z = check_latents(given, vae.latent_shape)
    claim(out.targets(len(z)), [latents], overwrite=overwrite)
    if model.built_in:
        say_built_in(vae.manifest)
    images = made(lambda first, n: vae.decode(z[first : first + n]), len(z), "images")
    write_pictures(out, images, len(z), vae.image_shape)
    return len(z)


def _write_tiled(out: Output, latents: str, tiles: Tiles, overwrite: bool, model: ModelChoice) -> int:
    """One picture of the latents' size."""
    from ..tiles.calls import decode_strips

    z, size = read_tiled(latents)
    vae = model.open()
    strips = decode_strips(vae, z, size=size, overlap=tiles.share)
    claim(out.targets(1), [latents], overwrite=overwrite)
    if model.built_in:
        say_built_in(vae.manifest)
    write_picture(out, painted(strips))
    return 1
