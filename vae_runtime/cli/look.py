"""Verbs that give back pictures or latents of pictures: encode, reconstruct."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from . import completion, outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options, output_option
from .rows import rows_as_bytes

if TYPE_CHECKING:
    from ..vae import VAE

_images = click.argument("images", nargs=-1, required=True, shell_complete=completion.file)


@click.command()
@_images
@output_option("FILE, or - for stdout.")
@click.option("--format", "form", type=click.Choice(["npz", "jsonl", "csv"]), default="npz", show_default=True)
@click.option("--skip-existing", is_flag=True, help="With -o DIR/: leave out what is there already.")
@many_options
@model_options
def encode(
    images: tuple[str, ...],
    output: str,
    form: str,
    skip_existing: bool,
    shard: tuple[int, int],
    errors: str | None,
    overwrite: bool,
    **choice: Any,
) -> None:
    """Encode pictures to latents.

    Mean and log-variance of q(z given the image), and the path of each. One .npz holds all latents in memory first;
    jsonl and csv lines are written as they come, and so is a folder of one .npz a picture.

    \b
    Example:
      vae encode photos/ -o latents.npz
    """
    import numpy as np

    from ..maths.posterior import Posterior

    many = outputs.is_folder(output)
    if many and form != "npz":
        raise InputError(f"{output} is a folder, and --format {form} writes one file; give its name.")
    if skip_existing and not many:
        raise InputError("--skip-existing is for a folder: -o DIR/.")
    asked = {".csv": "csv", ".jsonl": "jsonl", ".npz": "npz"}.get(Path(output).suffix.lower(), form)
    if asked != form and not many:
        raise InputError(f"{output} would hold {form}, by --format; give --format {asked}, or another name.")
    if not many and (form == "npz" or output != "-"):
        outputs.check_one(output)
    model = ModelChoice(**choice)
    vae = model.open()
    pictures = Pictures(images, vae.manifest, built_in=model.built_in, shard=shard, errors=errors, overwrite=overwrite)
    if not many:
        pictures.claim_file(output)
    if many:
        places = pictures.claim_mirrored(output, ".npz", skip_existing=skip_existing)
        for paths, batch in pictures.batches():
            for path, mean, logvar in zip(paths, *vae.encode(batch), strict=True):
                buffer = io.BytesIO()
                np.savez(buffer, mean=mean, logvar=logvar)
                outputs.write_bytes_at(places[path], buffer.getvalue())
    elif form != "npz":
        seen = output == "-" and sys.stdout.isatty()
        with outputs.stream(output) as file:
            for number, (paths, batch) in enumerate(pictures.batches()):
                rows = [
                    [path, *parts]
                    for path, *parts in zip(paths, *map(np.ndarray.tolist, vae.encode(batch)), strict=True)
                ]
                columns = ["path", "mean", "logvar"]
                if form == "csv":
                    numbers = range(vae.latent_size)
                    columns = ["path", *(f"{part}_{index}" for part in columns[1:] for index in numbers)]
                    rows = [[path, *mean, *logvar] for path, mean, logvar in rows]
                file.write(rows_as_bytes(columns, rows, form, first=not number, seen=seen))
    else:
        names, found = [], [Posterior(*np.empty((2, 0, vae.latent_size), np.float32))]
        for paths, batch in pictures.batches():
            names += paths
            found.append(vae.encode(batch))
        mean, logvar = (np.concatenate(parts) for parts in zip(*found, strict=True))
        buffer = io.BytesIO()
        np.savez(buffer, mean=mean, logvar=logvar, path=np.array(names, np.str_))
        outputs.write_bytes(output, buffer.getvalue())
    outputs.wrote(output, f"{pictures.done} latents")
    pictures.finish()


@click.command()
@_images
@output_option("A grid as FILE.png; the same tree as DIR/, or img-%04d.png; - for stdout.")
@click.option("--skip-existing", is_flag=True, help="With -o DIR/: leave out what is there already.")
@many_options
@model_options
def reconstruct(
    images: tuple[str, ...],
    output: str,
    skip_existing: bool,
    shard: tuple[int, int],
    errors: str | None,
    overwrite: bool,
    **choice: Any,
) -> None:
    """Show what the model keeps of pictures.

    Originals over their reconstructions, or a folder of reconstructions.

    \b
    Example:
      vae reconstruct photos/ -o grid.png
    """
    outputs.check(output)
    model = ModelChoice(**choice)
    vae = model.open()
    pictures = Pictures(images, vae.manifest, built_in=model.built_in, shard=shard, errors=errors, overwrite=overwrite)
    if not outputs.is_folder(output):
        pictures.claim(output)
    if not outputs.is_many(output):
        if skip_existing:
            raise InputError("--skip-existing is for a folder of pictures: -o DIR/.")
        _write_pairs(output, vae, pictures)
    elif "%" in Path(output).name:
        for _, batch in pictures.batches():
            pictures.write_each(output, vae.reconstruct(batch))
    else:
        places = pictures.claim_mirrored(output, skip_existing=skip_existing)
        for paths, batch in pictures.batches():
            for path, image in zip(paths, vae.reconstruct(batch), strict=True):
                outputs.write_at(places[path], image)
    outputs.wrote(output, f"{pictures.done} reconstructions")
    pictures.finish()


def _write_pairs(output: str, vae: VAE, pictures: Pictures) -> None:
    """One picture: each row of originals over its row of reconstructions."""
    import numpy as np

    _, originals = pictures.all()
    reconstructions = vae.reconstruct(originals)
    columns = min(len(reconstructions), 16)
    rows = []
    for begin in range(0, len(reconstructions), columns):
        for part in (originals, reconstructions):
            row = part[begin : begin + columns]
            rows += [row, np.zeros((columns - len(row), *vae.image_shape), np.float32)]
    outputs.write_grid(output, np.concatenate(rows), columns=columns)
