"""Verbs that look at pictures: encode, reconstruct, score."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import click

from . import outputs
from .inputs import read_pictures
from .options import ModelChoice, model_options, output_option

_images = click.argument("images", nargs=-1, required=True)


@click.command()
@_images
@output_option("FILE, or - for stdout.")
@click.option("--format", "form", type=click.Choice(["npz", "jsonl"]), default="npz", show_default=True)
@model_options
def encode(images: tuple[str, ...], output: str, form: str, **choice: Any) -> None:
    """Encode pictures: mean and log-variance of q(z given the image), and the path of each.

    \b
    Example:
      vae encode photos/ -o latents.npz
    """
    import numpy as np

    if form == "npz" or output != "-":
        outputs.check_one(output)
    vae = ModelChoice(**choice).open()
    pictures = read_pictures(images, vae.manifest.image)
    posterior = vae.encode(pictures.images)
    if form == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, mean=posterior.mean, logvar=posterior.logvar, path=np.array(pictures.names))
        content = buffer.getvalue()
    else:
        rows = zip(pictures.names, posterior.mean.tolist(), posterior.logvar.tolist(), strict=True)
        lines = (json.dumps({"path": path, "mean": mean, "logvar": logvar}) for path, mean, logvar in rows)
        content = "".join(f"{line}\n" for line in lines).encode()
    outputs.write_bytes(output, content)
    outputs.wrote(output, f"{len(pictures.names)} latents")
    pictures.finish()


@click.command()
@_images
@output_option("A grid as FILE.png; one file each as DIR/ or img-%04d.png; - for stdout.")
@model_options
def reconstruct(images: tuple[str, ...], output: str, **choice: Any) -> None:
    """Show what the model keeps of pictures: originals over their reconstructions.

    \b
    Example:
      vae reconstruct photos/ -o grid.png
    """
    import numpy as np

    outputs.check(output)
    vae = ModelChoice(**choice).open()
    pictures = read_pictures(images, vae.manifest.image)
    reconstructions = vae.reconstruct(pictures.images)
    if outputs.is_many(output):
        outputs.write_each(output, reconstructions)
    else:
        columns = min(len(reconstructions), 16)
        rows = []
        for begin in range(0, len(reconstructions), columns):
            for part in (pictures.images, reconstructions):
                row = part[begin : begin + columns]
                rows += [row, np.zeros((columns - len(row), *vae.image_shape), np.float32)]
        outputs.write_grid(output, np.concatenate(rows), columns=columns)
    outputs.wrote(output, f"{len(reconstructions)} reconstructions")
    pictures.finish()


@click.command()
@_images
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "csv"]), default="table", show_default=True)
@model_options
def score(images: tuple[str, ...], form: str, **choice: Any) -> None:
    """Score how strange pictures are, in nats: higher is stranger.

    \b
    Example:
      vae score photos/ --format csv > scores.csv
    """
    vae = ModelChoice(**choice).open()
    pictures = read_pictures(images, vae.manifest.image)
    rows = list(zip(pictures.names, vae.score(pictures.images).tolist(), strict=True))
    if form == "jsonl":
        for path, nats in rows:
            click.echo(json.dumps({"path": path, "score_nats": nats}))
    elif form == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([("path", "score_nats"), *rows])
        click.echo(buffer.getvalue(), nl=False)
    else:
        for path, nats in rows:
            click.echo(f"{nats:12.3f}  {path}")
    pictures.finish()
