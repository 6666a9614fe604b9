"""`vae score`: how strange pictures are, and where."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from ..model.manifest import SCORES
from ..model.scores import calibrate_command, calibration, require_score
from . import outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options, overwrite_option
from .rows import print_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..spec import ImageSpec
    from ..vae import VAE

    Scores = Iterator[tuple[list[str], npt.NDArray[np.float64]]]

ANOMALOUS = 10  # exit code


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--method", type=click.Choice(SCORES), default="elbo", show_default=True, help="Which score.")
@click.option(
    "--false-alarm-rate",
    "rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Call a picture anomalous where a normal one would be with this probability; needs a calibrated model.",
)
@click.option("--two-sided", is_flag=True, help="With --false-alarm-rate: scores that are too low are strange as well.")
@click.option("--exit-code", is_flag=True, help=f"With --false-alarm-rate: exit with {ANOMALOUS} if any is anomalous.")
@click.option("--tile", is_flag=True, help="Windows at full resolution; a picture scores as its strangest one.")
@click.option("--maps", help="Folder for each picture with its strange places in red, at its own size.")
@click.option("--skip-existing", is_flag=True, help="With --maps: leave out pictures whose map is there already.")
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "csv"]), default="table", show_default=True)
@overwrite_option
@many_options
@model_options
def score(
    images: tuple[str, ...],
    method: str,
    rate: float | None,
    two_sided: bool,
    exit_code: bool,
    tile: bool,
    maps: str | None,
    skip_existing: bool,
    form: str,
    shard: tuple[int, int],
    errors: str | None,
    overwrite: bool,
    **choice: Any,
) -> None:
    """Score how strange pictures are, in nats: higher is stranger.

    With --false-alarm-rate also the p-value of each, and whether it is anomalous.

    \b
    Example:
      vae score photos/ --format csv > scores.csv
    """
    outputs.require_stdout("the scores go there: leave it open, or send it to a file with >")
    model = ModelChoice(**choice)
    vae = model.open()
    require_score(vae.manifest, method, model.path)
    if (exit_code or two_sided) and rate is None:
        option = "--exit-code" if exit_code else "--two-sided"
        raise InputError(f"{option} needs --false-alarm-rate, which says what is anomalous.")
    if skip_existing and not maps:
        raise InputError("--skip-existing needs --maps DIR/, which says what is done already.")
    if maps and "-" in images:
        raise InputError("--maps needs files, for each picture is read a second time; standard input is gone by then.")
    known = f"{method}_tiled" if tile else method
    if rate is not None:
        _require_calibration(vae, known, rate / 2 if two_sided else rate, model.path)
    pictures = Pictures(images, vae.manifest, built_in=model.built_in, shard=shard, errors=errors, overwrite=overwrite)
    places = pictures.claim_mirrored(maps, skip_existing=skip_existing) if maps else {}
    columns = ["path", "score_nats", *(("p_value", "anomalous") if rate is not None else ())]
    anomalous = 0
    for number, (paths, scores) in enumerate((_scores_of_tiles if tile else _scores)(vae, pictures, method, places)):
        rows: list[list[Any]] = [[path, nats] for path, nats in zip(paths, scores.tolist(), strict=True)]
        if rate is not None:
            p_values = vae.p_value(scores, method=known, two_sided=two_sided)
            for row, p_value in zip(rows, p_values.tolist(), strict=True):
                row += [p_value, p_value <= rate]
                anomalous += p_value <= rate
        if form != "table":
            print_rows(columns, rows, form, first=number == 0)
            continue
        for line in _table(rows, first=number == 0):
            outputs.show(line)
    if rate is not None:
        outputs.say(f"{anomalous} of {pictures.done} anomalous at a false-alarm rate of {rate:g}.")
    if exit_code and anomalous:
        sys.exit(ANOMALOUS)
    pictures.finish()


def _scores(vae: VAE, pictures: Pictures, method: str, places: dict[str, Path]) -> Scores:
    """Paths and scores, a batch at a time; maps of where each picture is strange go to `places`."""
    for paths, batch in pictures.batches():
        if places:
            kind = _kind_of_map(method)
            for path, strangeness in zip(paths, vae.anomaly_map(batch, method=kind), strict=True):
                _write_map(places[path], path, strangeness, vae.manifest.image, kind)
        yield paths, vae.score(batch, method=method)


def _scores_of_tiles(vae: VAE, pictures: Pictures, method: str, places: dict[str, Path]) -> Scores:
    """The same, a picture at a time: the score of its strangest window, the map put together from all."""
    from ..pictures.tiling import stitch

    for path, windows, where in pictures.tiled():
        if places:
            kind = _kind_of_map(method)
            maps = vae.anomaly_map(windows, method=kind)
            _, height, width = vae.image_shape
            size = max(left for left, _ in where) + width, max(top for _, top in where) + height
            _write_map(places[path], path, stitch(maps, where, size), vae.manifest.image, kind)
        yield [path], vae.score(windows, method=method).max(keepdims=True)


def _kind_of_map(method: str) -> str:
    return "faults" if method == "faults" else "reconstruction"


def _write_map(place: Path, path: str, strangeness: npt.NDArray[np.float32], spec: ImageSpec, kind: str) -> None:
    """Red begins where a pixel is as strange as the picture's middle one, and is full at 2 nats a channel above it.

    Of faults it begins at even odds, and is full at e^4 to 1. A map that is larger than the model's images is of
    windows, and covers the whole picture.
    """
    import numpy as np

    from ..pictures.overlay import overlay
    from ..pictures.reading import read_picture

    low, reach = (0.0, 4.0) if kind == "faults" else (float(np.median(strangeness)), 2.0 * spec.shape[0])
    if strangeness.shape != spec.shape[1:]:
        spec = replace(spec, shape=(spec.shape[0], *strangeness.shape), fit="stretch")
    picture = overlay(read_picture(path), strangeness, spec, low=low, high=low + reach)
    outputs.write_picture(place, picture)


def _require_calibration(vae: VAE, method: str, rate: float, place: str | None) -> None:
    known = len(calibration(vae.manifest, method, place))
    if rate * (known + 1) < 1:
        command = calibrate_command(place, tiled=method.endswith("_tiled"))
        raise InputError(
            f"a false-alarm rate of {rate:g} needs {round(1 / rate) - 1} calibration pictures or more; "
            f"the model was calibrated with {known}. Give it more: {command}"
        )


def _table(rows: list[list[Any]], *, first: bool) -> list[str]:
    verdicts = len(rows[0]) > 2
    lines = [f"{'score_nats':>12}{'   p_value  verdict  ' if verdicts else ''}  path"] if first else []
    for path, nats, *verdict in rows:
        middle = f"  {verdict[0]:8.4f}  {'ANOMALOUS' if verdict[1] else '         '}" if verdict else ""
        lines.append(f"{nats:12.3f}{middle}  {path}")
    return lines
