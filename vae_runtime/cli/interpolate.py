"""`vae interpolate`: the way from one picture to another."""

from __future__ import annotations

import click

from ..progress import watched
from . import completion
from .arguments import read_each
from .keeping import claim
from .options import COUNT, ModelChoice, model_options, output_option, overwrite_option
from .outputs import Output


@click.command()
@click.argument("start", shell_complete=completion.file)
@click.argument("end", shell_complete=completion.file)
@click.option(
    "--steps", type=click.IntRange(2, COUNT.max), default=8, show_default=True, help="Images, both ends included."
)
@click.option("--path", "way", type=click.Choice(["linear", "spherical"]), default="linear", show_default=True)
@output_option("A strip as FILE.png; an animation as FILE.gif or FILE.apng; one file each as DIR/; - for stdout.")
@overwrite_option
@model_options
def interpolate(start: str, end: str, steps: int, way: str, output: str, overwrite: bool, model: ModelChoice) -> None:
    """Go from one picture to another through the latent space.

    \b
    Example:
      vae interpolate three.png eight.png --steps 8 -o strip.png
    """
    from ..model.lacking import require_prior
    from ..pictures.writing import encode_animation, is_animation

    out = Output.of_pictures(output, or_one=(".gif", ".apng"))
    claim(out.targets(steps), [start, end], overwrite=overwrite)
    vae = model.open()
    if way == "spherical":
        require_prior(vae.manifest, "spherical interpolation")
    ends = read_each([start, end], vae.manifest, built_in=model.built_in)
    images = vae.interpolate(*ends, steps=steps, path=way)
    if out.is_many:
        out.write_each(watched(images, steps, "images"))
    elif is_animation(output):
        out.write_bytes(encode_animation(images, path=output))
    else:
        out.write_grid(images, columns=steps)
    out.say_written(f"{steps} images")
