"""Verbs that make pictures from latents: sample, decode, vary, interpolate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import click

from ..errors import InputError
from . import completion, outputs
from .inputs import read_each
from .keeping import claim
from .options import COUNT, NUMBER, ModelChoice, model_options, output_option, seed_option
from .progress import watched
from .standard_input import standard_input
from .unlike import say_built_in

_ARRAYS = (b"\x93NUMPY", b"PK\3\4", b"PK\5\6")  # how .npy and .npz begin; the last is an empty .npz
AT_ONCE = 256  # images in memory, and between two steps of the bar


@click.command()
@click.option("-n", "count", type=COUNT, default=25, show_default=True, help="How many.")
@click.option("--label", default=None, help="Only of this class, where the model has labels.")
@seed_option
@click.option("--start", type=NUMBER, default=0, show_default=True, help="Number of the first sample.")
@click.option("--temperature", type=click.FloatRange(0, 1000), default=1.0, show_default=True, help="Below 1: tamer.")
@output_option("A grid as FILE.png; one file a sample as DIR/ or img-%04d.png; FILE.npy; - for stdout.")
@model_options
def sample(
    count: int,
    label: str | None,
    seed: int,
    start: int,
    temperature: float,
    output: str,
    overwrite: bool,
    **choice: Any,
) -> None:
    """Draw new images.

    Sample i of a seed is the same whatever -n, --start and the machine.

    \b
    Example:
      vae sample -n 25 --seed 0 -o samples.png
    """
    outputs.check(output, besides=(".npy",))
    claim(outputs.targets(output, count, first=start), overwrite=overwrite)
    vae = ModelChoice(**choice).open()

    def drawn(first: int, n: int) -> Any:
        return vae.sample(n, label=label, seed=seed, start=(start + first) % 2**64, temperature=temperature)

    images = _in_parts(drawn, count, "samples")
    facts = {
        "vae.model": vae.manifest.name,
        "vae.pair_id": vae.manifest.pair_id,
        "vae.seed": str(seed),
        "vae.temperature": str(temperature),
        **({"vae.label": label} if label else {}),
    }
    if outputs.is_many(output):
        outputs.write_each(output, images, first=start, text=lambda index: {**facts, "vae.index": str(index)})
    elif outputs.is_array(output):
        outputs.write_array(output, (count, *vae.image_shape), images)
    else:
        text = {**facts, "vae.index": f"{start}-{(start + count - 1) % 2**64}"}
        outputs.write_grid(output, _together(images, count, vae.image_shape), text=text)
    outputs.wrote(output, f"{count} samples")


@click.command()
@click.argument("latents", shell_complete=completion.file)
@output_option("One file an image as DIR/ or img-%04d.png; a grid as FILE.png; - for stdout.")
@model_options
def decode(latents: str, output: str, overwrite: bool, **choice: Any) -> None:
    """Decode latents to images.

    LATENTS is an .npz as `vae encode` writes it (its `mean`, or `z`) or an .npy [batch, latent_size].

    \b
    Example:
      vae decode latents.npz -o decoded/
    """
    from ..maths.arrays import check_latents

    outputs.check(output)
    z = _read_latents(latents)
    model = ModelChoice(**choice)
    vae = model.open()
    z = check_latents(z, vae.latent_size)
    claim(outputs.targets(output, len(z)), [latents], overwrite=overwrite)
    if model.built_in:
        say_built_in(vae.manifest)
    images = _in_parts(lambda first, n: vae.decode(z[first : first + n]), len(z), "images")
    if outputs.is_many(output):
        outputs.write_each(output, images)
    else:
        outputs.write_grid(output, _together(images, len(z), vae.image_shape))
    outputs.wrote(output, f"{len(z)} images")


@click.command()
@click.argument("image", shell_complete=completion.file)
@click.option("-n", "count", type=COUNT, default=8, show_default=True, help="How many.")
@seed_option
@output_option("A grid as FILE.png, IMAGE first; one file each as DIR/ or img-%04d.png; - for stdout.")
@model_options
def vary(image: str, count: int, seed: int, output: str, overwrite: bool, **choice: Any) -> None:
    """Make new images like a picture.

    Draws from the posterior q(z given the image), decoded.

    \b
    Example:
      vae vary seven.png -n 8 --seed 0 -o like-seven.png
    """
    import numpy as np

    outputs.check(output)
    claim(outputs.targets(output, count), [image], overwrite=overwrite)
    model = ModelChoice(**choice)
    vae = model.open()
    (original,) = read_each([image], vae.manifest, built_in=model.built_in)
    posterior = vae.encode(original)
    images = _in_parts(lambda first, n: vae.decode(posterior.draws(first, n, seed=seed)[0]), count, "variations")
    if outputs.is_many(output):
        outputs.write_each(output, images)
    else:
        outputs.write_grid(output, np.concatenate([original, _together(images, count, vae.image_shape)]))
    outputs.wrote(output, f"{count} variations")


@click.command()
@click.argument("start", shell_complete=completion.file)
@click.argument("end", shell_complete=completion.file)
@click.option(
    "--steps", type=click.IntRange(2, COUNT.max), default=8, show_default=True, help="Images, both ends included."
)
@click.option("--path", "way", type=click.Choice(["linear", "spherical"]), default="linear", show_default=True)
@output_option("A strip as FILE.png; an animation as FILE.gif or FILE.apng; one file each as DIR/; - for stdout.")
@model_options
def interpolate(start: str, end: str, steps: int, way: str, output: str, overwrite: bool, **choice: Any) -> None:
    """Go from one picture to another through the latent space.

    \b
    Example:
      vae interpolate three.png eight.png --steps 8 -o strip.png
    """
    from ..pictures.writing import encode_animation, is_animation

    outputs.check(output, besides=(".gif", ".apng"))
    claim(outputs.targets(output, steps), [start, end], overwrite=overwrite)
    model = ModelChoice(**choice)
    vae = model.open()
    ends = read_each([start, end], vae.manifest, built_in=model.built_in)
    images = vae.interpolate(*ends, steps=steps, path=way)
    if outputs.is_many(output):
        outputs.write_each(output, watched(images, steps, "images"))
    elif is_animation(output):
        outputs.write_bytes(output, encode_animation(images, path=output))
    else:
        outputs.write_grid(output, images, columns=steps)
    outputs.wrote(output, f"{steps} images")


def _in_parts(images: Callable[[int, int], Any], count: int, label: str) -> Iterator[Any]:
    """Images one by one of `images(first, n)`, asked for few at a time however many there are, with a bar."""
    starts = range(0, count, AT_ONCE)
    return watched((image for first in starts for image in images(first, min(AT_ONCE, count - first))), count, label)


def _together(images: Iterator[Any], count: int, shape: tuple[int, int, int]) -> Any:
    """All of them as one array, for what is one picture in the end."""
    import numpy as np

    whole = np.empty((count, *shape), np.float32)
    for index, image in enumerate(images):
        whole[index] = image
    return whole


def _read_latents(path: str) -> Any:
    from ..files import read_stream
    from ..model.limits import LATENTS_BYTES

    try:
        with nullcontext(standard_input()) if path == "-" else open(path, "rb") as file:
            content = read_stream(file, LATENTS_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    if len(content) > LATENTS_BYTES:
        raise InputError(f"{path} has more than {LATENTS_BYTES:,} bytes, the limit for latents; decode them in parts.")
    return latents_in(content, path)


def latents_in(content: bytes, name: str) -> Any:
    """The array of latents in the bytes of an .npy or .npz file, or an InputError that names it."""
    from ..model.limits import LATENTS_BYTES
    from ..npz import ArraysError, read_npy, read_npz

    if not content.startswith(_ARRAYS):
        picture = content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM"))
        advice = " It looks like a picture: vae encode makes latents of it." if picture else ""
        raise InputError(f"{name} is not an .npz or .npy file of latents.{advice}")
    try:
        if content.startswith(_ARRAYS[0]):
            return read_npy(content)
        (latents,) = read_npz(content, LATENTS_BYTES, first_of=("z", "mean")).values()
        return latents
    except ArraysError as error:
        raise InputError(f"{name} is not an .npz or .npy file of latents ({error}).") from None
