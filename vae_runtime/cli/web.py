"""`vae web`: a model as a page for browsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import outputs
from .inputs import Pictures
from .keeping import claim
from .options import ModelChoice, model_options, overwrite_option
from .unlike import say_built_in

if TYPE_CHECKING:
    from ..vae import VAE
    from ..web.latents import Encoded


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--ort",
    "engine",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="onnxruntime-web's package: npm install --ignore-scripts onnxruntime-web.",
)
@click.option("--single-file", is_flag=True, help="One HTML file that opens without a server; of dense models alone.")
@click.option(
    "--pictures",
    "images",
    multiple=True,
    help="Folder of pictures to show as points, labelled by their sub-folders.  [default: the model's own samples]",
)
@click.option("--replace", is_flag=True, help="In place of the page of another model.")
@overwrite_option
@model_options
def web(
    output: Path,
    engine: Path | None,
    single_file: bool,
    images: tuple[str, ...],
    replace: bool,
    overwrite: bool,
    **choice: Any,
) -> None:
    """Write a web page that runs the model in the browser.

    For any static host; it needs no network but the host. Samples by seed, latents, pictures of the visitor's own, ways
    between them: the same numbers as here. To look at it: python -m http.server -d OUTPUT. With --single-file, OUTPUT
    is one file that opens from a disk.

    \b
    Example:
      vae web page/ --ort node_modules/onnxruntime-web
    """
    from ..files import check_output
    from ..model import manifest as manifests
    from ..model.location import locate
    from ..model.steady import again_if_replaced
    from ..web.bundle import check_target, facts, model_files, write_page
    from ..web.engine import TESTED, read_engine
    from ..web.latents import describe_latents
    from ..web.single import single_page

    if single_file == bool(engine):
        raise click.UsageError("give --ort DIR for a folder, or --single-file, which has an engine of its own.")
    model = ModelChoice(**choice)
    if single_file:
        check_output(output)
        claim([output], overwrite=overwrite)
    else:
        check_target(output, manifests.read(locate(model.path)), replace=replace)
    ort = read_engine(engine) if engine else None
    if ort and ort.version != TESTED:
        outputs.say(f"onnxruntime-web {ort.version} was not tried with this page; {TESTED} was.")

    def opened() -> tuple[VAE, dict[str, bytes]]:
        vae = model.open()
        return vae, model_files(locate(model.path), vae.manifest, model.precision)

    vae, files = again_if_replaced(locate(model.path), opened)
    if model.built_in:
        say_built_in(vae.manifest)
    pictures = Pictures(images, vae.manifest, overwrite=overwrite) if images else None
    if pictures and single_file:
        pictures.claim_file(str(output))
    page = facts(vae.manifest, model.precision, files, describe_latents(vae, _encoded(vae, pictures)))
    if ort:
        written = write_page(output, page, files, ort)
        outputs.wrote(str(output), f"a page of {len(written)} files, {sum(written.values()):,} bytes")
    else:
        content = single_page(page, files)
        outputs.write_bytes(str(output), content)
        outputs.wrote(str(output), f"a page of {len(content):,} bytes")
    if pictures:
        pictures.finish()


def _encoded(vae: VAE, pictures: Pictures | None) -> Encoded:
    from ..web.latents import encode_own_samples, encode_pictures

    if pictures is None:
        return encode_own_samples(vae)
    batches = pictures.batches()
    return encode_pictures(vae, (([Path(path).parent.name for path in paths], found) for paths, found in batches))
