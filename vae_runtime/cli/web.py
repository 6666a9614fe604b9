"""`vae web`: a model as a page for browsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..console import say
from ..progress import watched
from .inputs import Inputs
from .keeping import claim
from .options import Many, ModelChoice, model_options, overwrite_option
from .outputs import Output
from .unlike import say_built_in

if TYPE_CHECKING:
    from ..vae import VAE
    from ..web.engine import Engine
    from ..web.latents import Encoded


class _Opened(NamedTuple):
    """A model, and its files as the page serves them."""

    vae: VAE
    files: dict[str, bytes]


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--ort",
    "engine",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="onnxruntime-web's package: npm install --ignore-scripts onnxruntime-web.",
)
@click.option(
    "--single-file", is_flag=True, help="One HTML file that opens without a server; of models without convolutions."
)
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
    model: ModelChoice,
) -> None:
    """Write a web page that runs the model in the browser.

    For any static host; it needs no network but the host. Samples by seed, latents, pictures of the visitor's own, ways
    between them: the same numbers as here. To look at it: python -m http.server -d OUTPUT. With --single-file, OUTPUT
    is one file that opens from a disk.

    \b
    Example:
      vae web page/ --ort node_modules/onnxruntime-web
    """
    from ..web.bundle import facts
    from ..web.latents import describe_latents

    _check_flags(engine, single_file, replace)
    _check_output(output, model, single_file=single_file, replace=replace, overwrite=overwrite)
    ort = _engine(engine) if engine else None
    vae, files = _opened(model)
    if model.built_in:
        say_built_in(vae.manifest)
    inputs = Inputs(images, vae, Many(overwrite=overwrite)) if images else None
    if inputs and single_file:
        inputs.claim(Output(str(output), "file"))
    golden = files[vae.manifest.golden[model.precision].file.file]
    page = facts(vae.manifest, model.precision, files, describe_latents(vae, _encoded(vae, inputs, golden)))
    _write(output, page, files, ort)
    if inputs:
        inputs.finish()


def _check_flags(engine: Path | None, single_file: bool, replace: bool) -> None:
    if single_file == bool(engine):
        raise click.UsageError("give --ort DIR for a folder, or --single-file, which has an engine of its own.")
    if single_file and replace:
        raise click.UsageError("--replace is for a folder; what --single-file may write over, --overwrite says.")


def _check_output(output: Path, model: ModelChoice, *, single_file: bool, replace: bool, overwrite: bool) -> None:
    """Refuse a place where no page may be written, before any work is done."""
    from ..files import check_output
    from ..model import manifest as manifests
    from ..web.bundle import check_target

    if single_file:
        check_output(output)
        claim([output], overwrite=overwrite)
    else:
        check_target(output, manifests.read(model.folder), replace=replace)


def _engine(folder: Path) -> Engine:
    from ..web.engine import TESTED, read_engine

    engine = read_engine(folder)
    if engine.version != TESTED:
        say(f"onnxruntime-web {engine.version} was not tried with this page; {TESTED} was.")
    return engine


def _opened(model: ModelChoice) -> _Opened:
    """Model and files, of one and the same model also where it is replaced meanwhile."""
    from ..model.steady import again_if_replaced
    from ..web.bundle import model_files

    def opened() -> _Opened:
        vae = model.open()
        return _Opened(vae, model_files(model.folder, vae.manifest, model.precision))

    return again_if_replaced(model.folder, opened)


def _encoded(vae: VAE, inputs: Inputs | None, golden: bytes) -> Encoded:
    from ..model.golden import GoldenVectors
    from ..web.latents import OWN_AT_ONCE, OWN_SAMPLES, encode_golden, encode_own_samples, encode_pictures, own_samples

    if inputs is None and not vae.manifest.has_prior:
        say("The model has no prior to sample from: the page shows its golden images; --pictures FOLDER shows yours.")
        return encode_golden(vae, GoldenVectors.from_bytes(golden).images)
    if inputs is None:
        batches = watched(own_samples(vae), OWN_SAMPLES // OWN_AT_ONCE, "batches of samples")
        return encode_own_samples(vae, batches)
    return encode_pictures(vae, ((_folders(batch.paths), batch.images) for batch in inputs.batches()))


def _folders(paths: list[str]) -> list[str]:
    return [Path(path).parent.name for path in paths]


def _write(output: Path, page: dict[str, object], files: dict[str, bytes], ort: Engine | None) -> None:
    from ..web.bundle import write_page
    from ..web.single import single_page

    if ort:
        written = write_page(output, page, files, ort)
        say(f"Wrote a page of {len(written)} files, {sum(written.values()):,} bytes to {output}")
    else:
        content = single_page(page, files)
        Output(str(output), "file").write_bytes(content)
        say(f"Wrote a page of {len(content):,} bytes to {output}")
