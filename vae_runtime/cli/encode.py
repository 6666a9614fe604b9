"""`vae encode`: latents of pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InputError
from . import latents
from .inputs import Inputs
from .options import Many, ModelChoice, images_argument, many_options, model_options, output_option, skip_option
from .outputs import Output
from .tiles import Tiles, require_one, tile_options
from .tiles import to_npz as tiled_npz
from .trees import write_bytes_below

if TYPE_CHECKING:
    from ..vae import VAE


@click.command()
@images_argument
@output_option("FILE, or - for stdout.")
@click.option("--format", "form", type=click.Choice(["npz", "jsonl", "csv"]), default="npz", show_default=True)
@tile_options
@skip_option
@many_options
@model_options
def encode(
    images: tuple[str, ...],
    output: str,
    form: str,
    tiles: Tiles,
    skip_existing: bool,
    many: Many,
    model: ModelChoice,
) -> None:
    """Encode pictures to latents.

    Mean and log-variance of q(z given the image), and the path of each; of a deterministic encoder the mean alone. A
    latent has the model's own shape, in csv its numbers in order. One .npz holds all latents in memory first;
    jsonl and csv lines are written as they come, and so is a folder of one .npz a picture.

    Pictures are fitted to the model's size. With --tile they keep their own, and an .npz of one holds a map
    [1, channels, rows, columns] and the picture's size, for `vae decode --tile`.

    \b
    Example:
      vae encode photos/ -o latents.npz
    """
    out = _checked(output, form, tiles.wanted, skip_existing)
    vae = model.open()
    inputs = Inputs(images, vae, many, built_in=model.built_in)
    if tiles.wanted:
        _write_tiled(out, vae, inputs, tiles.share, skip_existing)
    elif out.kind == "folder":
        _write_each(output, vae, inputs, skip_existing)
    elif form == "npz":
        _write_npz(out, vae, inputs)
    else:
        _write_rows(out, form, vae, inputs)
    out.say_written(f"{inputs.done} latents")
    inputs.finish()


def _checked(output: str, form: str, tile: bool, skip_existing: bool) -> Output:
    """What -o asks for, where the other options allow it."""
    out = Output.parse(output, numbers=False, binary=form == "npz")
    is_folder = out.kind == "folder"
    if tile and form != "npz":
        raise InputError(f"--tile writes .npz, for maps differ in size; leave --format {form} out.")
    if is_folder and form != "npz":
        raise InputError(f"{output} is a folder, and --format {form} writes one file; give its name.")
    if skip_existing and not is_folder:
        raise InputError("--skip-existing is for a folder: -o DIR/.")
    asked = latents.SUFFIXES.get(Path(output).suffix.lower(), form)
    if asked != form and not is_folder:
        raise InputError(f"{output} would hold {form}, by --format; give --format {asked}, or another name.")
    return out


def _write_each(folder: str, vae: VAE, inputs: Inputs, skip_existing: bool) -> None:
    places = inputs.claim_mirrored(folder, ".npz", skip_existing=skip_existing)
    for paths, images in inputs.batches():
        for path, posterior in zip(paths, vae.encode(images).each, strict=True):
            write_bytes_below(places[path], latents.to_npz(posterior))


def _write_tiled(out: Output, vae: VAE, inputs: Inputs, overlap: float, skip_existing: bool) -> None:
    from ..tiles.calls import encode_tiled, frame_of

    frame_of(vae, overlap)  # refuses other models before a picture is read
    if out.kind == "folder":
        places = inputs.claim_mirrored(out.text, ".npz", skip_existing=skip_existing)
    else:
        require_one(inputs, out.text)
        inputs.claim(out)
    for path, picture in inputs.opened():
        content = tiled_npz(encode_tiled(vae, picture, overlap=overlap), picture.size)
        if out.kind == "folder":
            write_bytes_below(places[path], content)
        else:
            out.write_bytes(content)


def _write_rows(out: Output, form: str, vae: VAE, inputs: Inputs) -> None:
    inputs.claim(out)
    seen, first = out.kind == "stdout" and sys.stdout.isatty(), True
    with out.stream() as file:
        for paths, images in inputs.batches():
            file.write(latents.to_rows(paths, vae.encode(images), form, first=first, seen=seen))
            first = False


def _write_npz(out: Output, vae: VAE, inputs: Inputs) -> None:
    import numpy as np

    from ..maths.posterior import together

    inputs.claim(out)
    every: list[str] = []
    posteriors = [vae.encode(np.empty((0, *vae.image_shape), np.float32))]
    for paths, images in inputs.batches():
        every += paths
        posteriors.append(vae.encode(images))
    out.write_bytes(latents.to_npz(together(posteriors), every))
