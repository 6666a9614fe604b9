"""What int8 costs shipped models, on test images that gave no range and chose no layer.

    python -m benchmarks.engines.int8 artifacts/mnist artifacts/mnist-mlp artifacts/mnist-2d artifacts/mnist-conditional

Float32 and int8 of a model see the same images, with the same noise. Test images are MNIST's ($VAE_DATA_DIR, or
downloaded), binarised once as `vae evaluate` does it, or grey where the model was trained so.
"""

from __future__ import annotations

from pathlib import Path

import click
from vae_export.int8.cost import cost, held_out_images
from vae_train.checkpoint import read_config
from vae_train.data.sources import load

from vae_runtime import VAE


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(models: tuple[Path, ...]) -> None:
    """Print the table as Markdown."""
    click.echo(
        "| model | test images | nats of ELBO lost | standard error | reconstructions, dB |\n|---|---|---|---|---|"
    )
    for model in models:
        config = read_config(model / "checkpoint")
        images = held_out_images(load(config), config)
        loss = cost(VAE.load(model), VAE.load(model, precision="int8"), images)
        numbers = f"{loss.nats:.4f} | {loss.standard_error:.4f} | {loss.psnr:.2f}"
        click.echo(f"| `{model.name}` | {loss.images:,} | {numbers} |")


if __name__ == "__main__":
    main()
