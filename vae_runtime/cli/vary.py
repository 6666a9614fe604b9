"""`vae vary`: images like a picture."""

from __future__ import annotations

import click

from . import completion
from .arguments import read_each
from .keeping import claim
from .making import made, write_pictures
from .options import COUNT, ModelChoice, model_options, output_option, overwrite_option, seed_option
from .outputs import Output


@click.command()
@click.argument("image", shell_complete=completion.file)
@click.option("-n", "count", type=COUNT, default=8, show_default=True, help="How many.")
@seed_option
@output_option("A grid as FILE.png, IMAGE first; one file each as DIR/ or img-%04d.png; - for stdout.")
@overwrite_option
@model_options
def vary(image: str, count: int, seed: int, output: str, overwrite: bool, model: ModelChoice) -> None:
    """Make new images like a picture.

    Draws from the posterior q(z given the image), decoded.

    \b
    Example:
      vae vary seven.png -n 8 --seed 0 -o like-seven.png
    """
    from ..model.lacking import require_posterior

    out = Output.of_pictures(output)
    claim(out.targets(count), [image], overwrite=overwrite)
    vae = model.open()
    require_posterior(vae.manifest, "vary")
    (original,) = read_each([image], vae.manifest, built_in=model.built_in)
    posterior = vae.encode(original)
    images = made(lambda first, n: vae.decode(posterior.draws(first, n, seed=seed)[0]), count, "variations")
    write_pictures(out, images, count, vae.image_shape, before=original)
    out.say_written(f"{count} variations")
