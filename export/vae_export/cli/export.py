"""`vae export`: a run, or with --from what another library saved, becomes a model."""

from __future__ import annotations

import shlex
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vae_runtime.cli import completion
from vae_runtime.cli.usage import Command
from vae_runtime.errors import InputError
from vae_runtime.printable import printable

from .foreign import ForeignChoice, export_from, foreign_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from vae_train.data.datasets import Dataset

    from ..draft import Exported

_RUN = click.Argument(["run"])  # as click names it where there is none


def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders for a run; with --from, files too."""
    offer = completion.file if ctx.params.get("kind") else completion.folder
    return offer(ctx, parameter, incomplete)


@click.command(cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, metavar="RUN MODEL", type=click.Path(path_type=Path), shell_complete=complete
)
@click.option("--license", help="SPDX name of the model's licence.  [default: Apache-2.0; with --from, unknown]")
@click.option(
    "--int8", is_flag=True, help="Also 8-bit graphs, if they lose little and run faster here; needs the data."
)
@click.option(
    "--int8-loss",
    type=click.FloatRange(0),
    help="Nats an image that int8 may lose.  [default: 0.2; of Gaussian models, 0.01 bits a dimension]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The run's pictures, or MNIST's idx files.  [default: where the run was trained]",
)
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Normal pictures: the scores of those not trained on go into the model, for false-alarm rates.",
)
@click.option(
    "--layout",
    type=click.Choice(["flat", "triton"]),
    default="flat",
    show_default=True,
    help="triton: a model repository for inference servers. RUN may then be a model folder.",
)
@click.option("--replace", is_flag=True, help="In place of another model that lies in FOLDER, which is lost.")
@click.option("--storage-uri", help="For --layout triton: where KServe will find FOLDER.")
@foreign_options
def export(
    paths: tuple[Path, ...],
    license: str | None,
    int8: bool,
    int8_loss: float | None,
    data_dir: Path | None,
    calibrate: Path | None,
    layout: str,
    replace: bool,
    storage_uri: str | None,
    foreign: ForeignChoice,
) -> None:
    """Make a checked model of a run or of others' files.

    RUN may also be the checkpoint folder of an artifact. With --from, another library's files take its place: one
    folder of pythae or diffusers, or an encoder and a decoder of keras, onnx or torch. The graphs are compared with
    torch and read back by the runtime first; if a check fails, nothing is written. The same weights may be exported to
    their FOLDER again; another model's place is taken with --replace alone.

    \b
    Example:
      vae export runs/photos my-model
      vae export artifacts/mnist served/mnist --layout triton
      vae export --from pythae saved/final_model my-model
      vae export --from keras encoder.keras decoder.keras my-model --likelihood bernoulli
    """
    foreign.require_kind()
    if foreign.kind:
        _require_none_of_runs(layout=layout, data_dir=data_dir, int8_loss=int8_loss, storage_uri=storage_uri)
        *files, folder = paths
        exported = export_from(foreign, files, folder, license=license, int8=int8, calibrate=calibrate, replace=replace)
        _report(exported, folder, calibrate=calibrate, checked=False, of_run=False)
        return
    run, folder = _run_and_folder(paths)
    license = license or "Apache-2.0"
    if layout == "triton":
        _require_none_of_the_flat(int8=int8, calibrate=calibrate, replace=replace)
        _lay_out(run, folder, license, storage_uri)
        return
    if storage_uri is not None:
        raise click.UsageError("--storage-uri is of --layout triton.")
    from ..int8.asked import search_on
    from ..pipeline import export as export_run

    dataset = _dataset(run, data_dir, needed=int8)
    search = search_on(dataset, int8_loss, partial(_say, err=True)) if int8 and dataset else None
    exported = export_run(
        run, folder, license=license, int8=search, calibrate=calibrate, dataset=dataset, replace=replace
    )
    _report(exported, folder, calibrate=calibrate, checked=dataset is not None)


def _run_and_folder(paths: tuple[Path, ...]) -> tuple[Path, Path]:
    """The two arguments of an export of this project's own."""
    if len(paths) != 2:
        raise click.UsageError(f"expected RUN and MODEL; got {len(paths)} path{'s' * (len(paths) > 1)}.")
    run = click.Path(path_type=Path, exists=True, file_okay=False).convert(paths[0], _RUN, None)
    assert isinstance(run, Path)
    return run, paths[1]


def _require_none_of_runs(**given: object) -> None:
    """Options that an export with --from does not take."""
    for name, value in given.items():
        if value not in (None, "flat"):
            raise click.UsageError(f"--{name.replace('_', '-')} is of runs and of model folders, not of --from.")


def _report(exported: Exported, folder: Path, *, calibrate: Path | None, checked: bool, of_run: bool = True) -> None:
    from .summary import summary

    for line in summary(exported, calibrate=calibrate, checked=checked, of_run=of_run):
        _say(line, err=line.startswith("warning"))
    _say(f"Wrote {folder}. Next: vae verify -m {shlex.quote(str(folder))}")


def _require_none_of_the_flat(*, int8: bool, calibrate: Path | None, replace: bool) -> None:
    if int8 or calibrate:
        raise click.UsageError("--int8 and --calibrate are of the model folder; export that first, then lay it out.")
    if replace:
        raise click.UsageError("--layout triton writes a new folder each time, for a server may read the old one.")


def _lay_out(run: Path, folder: Path, license: str, storage_uri: str | None) -> None:
    """A run is exported first, to a folder that does not stay; a model folder is taken as it is."""
    from ..serving.repository import check_target, write_repository

    check_target(folder)
    with tempfile.TemporaryDirectory() as scratch:
        model = run
        if not (run / "manifest.json").exists():
            from ..pipeline import export

            model = Path(scratch) / folder.absolute().name
            export(run, model, license=license)
        manifest = write_repository(model, folder, storage_uri=storage_uri)
    _say(f"Wrote {folder}: {manifest.name}, manifest sha256 {manifest.digest}. Next: docs/SERVING.md")


def _dataset(run: Path, data_dir: Path | None, *, needed: bool) -> Dataset | None:
    """The run's data, where they lie on this machine; `needed` ones may be fetched, and their absence is an error."""
    from vae_train.checkpoint import read_config
    from vae_train.data.sources import is_at_hand, load

    config = read_config(run)
    if not (needed or data_dir or is_at_hand(config, run)):
        return None
    try:
        return load(config, run, directory=data_dir, say=partial(_say, err=True))
    except (InputError, OSError):
        if needed or data_dir:
            raise
        return None  # as on a disk that is not there any more


def _say(text: str, *, err: bool = False) -> None:
    """A line, whatever the names in it are made of."""
    click.echo(printable(text), err=err)
