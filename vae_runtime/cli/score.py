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
from . import completion, outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options, overwrite_option
from .rows import print_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..pictures.decoded import Picture
    from ..spec import ImageSpec
    from ..vae import VAE

    Scores = Iterator[tuple[list[str], npt.NDArray[np.float64]]]

ANOMALOUS = 10  # exit code


@click.command()
@click.argument("images", nargs=-1, required=True, shell_complete=completion.file)
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
    from ..maths.conformal import is_anomalous

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
        _require_calibration(vae, known, rate, model.path, two_sided=two_sided)
    pictures = Pictures(images, vae.manifest, built_in=model.built_in, shard=shard, errors=errors, overwrite=overwrite)
    places = pictures.claim_mirrored(maps, skip_existing=skip_existing) if maps else {}
    columns = ["path", "score_nats", *(("p_value", "anomalous") if rate is not None else ())]
    anomalous = 0
    for number, (paths, scores) in enumerate((_scores_of_tiles if tile else _scores)(vae, pictures, method, places)):
        rows: list[list[Any]] = [[path, nats] for path, nats in zip(paths, scores.tolist(), strict=True)]
        if rate is not None:
            p_values = vae.p_value(scores, method=known, two_sided=two_sided)
            verdicts = is_anomalous(p_values, rate)
            for row, p_value, verdict in zip(rows, p_values.tolist(), verdicts.tolist(), strict=True):
                row += [p_value, verdict]
            anomalous += int(verdicts.sum())
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
    from ..pictures.reading import open_picture

    for paths, batch in pictures.batches():
        if places:
            kind = _kind_of_map(method)
            for path, strangeness in zip(paths, vae.anomaly_map(batch, method=kind), strict=True):
                with open_picture(path) as picture:
                    _write_map(places[path], picture, strangeness, vae.manifest.image, kind)
        yield paths, vae.score(batch, method=method)


def _scores_of_tiles(vae: VAE, pictures: Pictures, method: str, places: dict[str, Path]) -> Scores:
    """The same, a picture at a time: the score of its strangest window, the map put together from all."""
    import numpy as np

    from ..pictures.tiling import Mosaic

    spec, kind = vae.manifest.image, _kind_of_map(method)
    for path, picture, parts in pictures.tiled():
        mosaic, highest = Mosaic(picture.size, spec), []
        for windows, where in parts:
            highest.append(vae.score(windows, method=method).max())
            if places:
                mosaic.add(vae.anomaly_map(windows, method=kind), where)
        if places:
            _write_map(places[path], picture, mosaic.whole(), spec, kind)
        yield [path], np.max(highest, keepdims=True)


def _kind_of_map(method: str) -> str:
    return "faults" if method == "faults" else "reconstruction"


def _write_map(place: Path, picture: Picture, strangeness: npt.NDArray[np.float32], spec: ImageSpec, kind: str) -> None:
    """Red begins where a pixel is as strange as the picture's middle one, and is full at 2 nats a channel above it.

    Of faults it begins at even odds, and is full at e^4 to 1. A map that is larger than the model's images is of
    windows, and covers the whole picture.
    """
    import numpy as np

    from ..pictures.overlay import overlay

    low, reach = (0.0, 4.0) if kind == "faults" else (float(np.median(strangeness)), 2.0 * spec.shape[0])
    if strangeness.shape != spec.shape[1:]:
        spec = replace(spec, shape=(spec.shape[0], *strangeness.shape), fit="stretch")
    outputs.write_rows_at(place, picture.size, overlay(picture, strangeness, spec, low=low, high=low + reach))


def _require_calibration(vae: VAE, method: str, rate: float, place: str | None, *, two_sided: bool) -> None:
    from ..checks.thinning import most_scores
    from ..maths.conformal import fewest_scores

    known, fewest = len(calibration(vae.manifest, method, place)), fewest_scores(rate, two_sided=two_sided)
    if known >= fewest:
        return
    most = most_scores(vae.manifest, len(vae.manifest.calibration))
    needs = f"a false-alarm rate of {rate:g}{', two-sided,' * two_sided} needs {fewest:,} calibration pictures or more"
    if fewest > most:
        raise InputError(
            f"{needs}, and this model has room for the scores of {most:,}; the smallest rate that it can have is "
            f"{(1 + two_sided) / (most + 1):.2g}. It was calibrated with {known:,}."
        )
    command = calibrate_command(place, tiled=method.endswith("_tiled"))
    raise InputError(f"{needs}; the model has the scores of {known:,}. Give it more: {command}")


def _table(rows: list[list[Any]], *, first: bool) -> list[str]:
    verdicts = len(rows[0]) > 2
    lines = [f"{'score_nats':>12}{'   p_value  verdict  ' if verdicts else ''}  path"] if first else []
    for path, nats, *verdict in rows:
        middle = f"  {verdict[0]:8.4f}  {'ANOMALOUS' if verdict[1] else '         '}" if verdict else ""
        lines.append(f"{nats:12.3f}{middle}  {path}")
    return lines
