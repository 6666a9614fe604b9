"""`vae reconstruct`: pictures as the model keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import InputError
from .inputs import Inputs
from .options import Many, ModelChoice, images_argument, many_options, model_options, output_option, skip_option
from .outputs import Output
from .tiles import Tiles, reconstructed, require_one, tile_options, write_picture, write_picture_below
from .trees import write_image_below

if TYPE_CHECKING:
    from ..vae import VAE

WIDEST = 16  # pictures in a row


@click.command()
@images_argument
@output_option("A grid as FILE.png; the same tree as DIR/, or img-%04d.png; - for stdout.")
@tile_options
@skip_option
@many_options
@model_options
def reconstruct(
    images: tuple[str, ...], output: str, tiles: Tiles, skip_existing: bool, many: Many, model: ModelChoice
) -> None:
    """Show what the model keeps of pictures.

    Originals over their reconstructions, or a folder of reconstructions. With --tile each reconstruction is by itself,
    as large as its picture.

    \b
    Example:
      vae reconstruct photos/ -o grid.png
    """
    out = Output.of_pictures(output)
    if skip_existing and out.kind != "folder":
        raise InputError("--skip-existing is for a folder of pictures: -o DIR/.")
    vae = model.open()
    inputs = Inputs(images, vae, many, built_in=model.built_in)
    if tiles.wanted:
        _write_tiled(out, vae, inputs, tiles, skip_existing)
    elif out.kind == "folder":
        _write_each(output, vae, inputs, skip_existing)
    elif out.kind == "numbered":
        inputs.claim(out)
        for _, originals in inputs.batches():
            inputs.write_each(out, vae.reconstruct(originals))
    else:
        inputs.claim(out)
        _write_pairs(out, vae, inputs)
    out.say_written(f"{inputs.done} reconstructions")
    inputs.finish()


def _write_each(folder: str, vae: VAE, inputs: Inputs, skip_existing: bool) -> None:
    places = inputs.claim_mirrored(folder, skip_existing=skip_existing)
    for paths, originals in inputs.batches():
        for path, image in zip(paths, vae.reconstruct(originals), strict=True):
            write_image_below(places[path], image)


def _write_pairs(out: Output, vae: VAE, inputs: Inputs) -> None:
    """One picture: each row of originals over its row of reconstructions."""
    import numpy as np

    originals = inputs.all().images
    reconstructions = vae.reconstruct(originals)
    columns = min(len(reconstructions), WIDEST)
    rows = []
    for begin in range(0, len(reconstructions), columns):
        for part in (originals, reconstructions):
            row = part[begin : begin + columns]
            rows += [row, np.zeros((columns - len(row), *vae.image_shape), np.float32)]
    out.write_grid(np.concatenate(rows), columns=columns)


def _write_tiled(out: Output, vae: VAE, inputs: Inputs, tiles: Tiles, skip_existing: bool) -> None:
    """Each at its own size, and by itself."""
    from ..tiles.calls import frame_of

    frame_of(vae, tiles.share)  # refuses other models before a picture is read
    places = inputs.claim_mirrored(out.text, skip_existing=skip_existing) if out.kind == "folder" else {}
    if out.kind != "folder":
        inputs.claim(out)
    if not out.is_many:
        require_one(inputs, out.text)
    for path, picture in inputs.opened():
        image = reconstructed(vae, picture, tiles)
        if out.is_many:
            write_picture_below(places.get(path) or inputs.target(out), image)
        else:
            write_picture(out, image)
