"""`vae sample`: new images from the prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from .keeping import claim
from .making import made, together
from .options import COUNT, NUMBER, ModelChoice, model_options, output_option, overwrite_option, seed_option
from .outputs import Output

if TYPE_CHECKING:
    from ..vae import VAE


class _Temperature(click.FloatRange):
    """From 0 to 1000; click's own range lets NaN pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if math.isnan(number := super().convert(value, param, ctx)):
            raise InputError("temperature is nan; expected a number from 0 to 1000; 1 is the model's own.")
        return number


@click.command()
@click.option("-n", "count", type=COUNT, default=25, show_default=True, help="How many.")
@click.option("--label", default=None, help="Only of this class, where the model has labels.")
@seed_option
@click.option("--start", type=NUMBER, default=0, show_default=True, help="Number of the first sample.")
@click.option("--temperature", type=_Temperature(0, 1000), default=1.0, show_default=True, help="Below 1: tamer.")
@output_option("A grid as FILE.png; one file a sample as DIR/ or img-%04d.png; FILE.npy; - for stdout.")
@overwrite_option
@model_options
def sample(
    count: int,
    label: str | None,
    seed: int,
    start: int,
    temperature: float,
    output: str,
    overwrite: bool,
    model: ModelChoice,
) -> None:
    """Draw new images.

    Sample i of a seed is the same whatever -n, --start and the machine.

    \b
    Example:
      vae sample -n 25 --seed 0 -o samples.png
    """
    from ..model.lacking import require_prior

    out = Output.of_pictures(output, or_one=(".npy",))
    claim(out.targets(count, first=start), overwrite=overwrite)
    vae = model.open()
    require_prior(vae.manifest, "sampling")

    def draw(first: int, n: int) -> Any:
        return vae.sample(n, label=label, seed=seed, start=(start + first) % 2**64, temperature=temperature)

    images = made(draw, count, "samples")
    facts = _facts(vae, seed, temperature, label)
    if out.is_many:
        out.write_each(images, first=start, text=lambda index: {**facts, "vae.index": str(index)})
    elif out.is_array:
        out.write_array((count, *vae.image_shape), images)
    else:
        text = {**facts, "vae.index": f"{start}-{(start + count - 1) % 2**64}"}
        out.write_grid(together(images, count, vae.image_shape), text=text)
    out.say_written(f"{count} samples")


def _facts(vae: VAE, seed: int, temperature: float, label: str | None) -> dict[str, str]:
    """What a PNG says of its samples."""
    return {
        "vae.model": vae.manifest.name,
        "vae.pair_id": vae.manifest.pair_id,
        "vae.seed": str(seed),
        "vae.temperature": str(temperature),
        **({"vae.label": label} if label else {}),
    }
