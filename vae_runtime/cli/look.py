"""Verbs that look at pictures: encode, reconstruct, score."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from ..model.manifest import SCORES
from . import outputs
from .inputs import Pictures
from .options import ModelChoice, many_options, model_options, output_option

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..spec import ImageSpec
    from ..vae import VAE

    Scores = Iterator[tuple[list[str], npt.NDArray[np.float64]]]

ANOMALOUS = 10  # exit code

_images = click.argument("images", nargs=-1, required=True)


@click.command()
@_images
@output_option("FILE, or - for stdout.")
@click.option("--format", "form", type=click.Choice(["npz", "jsonl", "csv"]), default="npz", show_default=True)
@click.option("--skip-existing", is_flag=True, help="With -o DIR/: leave out what is there already.")
@many_options
@model_options
def encode(
    images: tuple[str, ...],
    output: str,
    form: str,
    skip_existing: bool,
    shard: tuple[int, int],
    errors: str | None,
    **choice: Any,
) -> None:
    """Encode pictures: mean and log-variance of q(z given the image), and the path of each.

    One .npz holds all latents in memory first; jsonl and csv lines are written as they come, and so is a folder of one
    .npz a picture.

    \b
    Example:
      vae encode photos/ -o latents.npz
    """
    import numpy as np

    from ..maths.posterior import Posterior

    many = outputs.is_folder(output)
    if many and form != "npz":
        raise InputError(f"{output} is a folder, and --format {form} writes one file; give its name.")
    if skip_existing and not many:
        raise InputError("--skip-existing is for a folder: -o DIR/.")
    if not many and (form == "npz" or output != "-"):
        outputs.check_one(output)
    vae = ModelChoice(**choice).open()
    pictures = Pictures(images, vae.manifest.image, shard=shard, errors=errors)
    if many:
        places = pictures.mirrored(output, ".npz")
        if skip_existing:
            pictures.skip_existing(places)
        for paths, batch in pictures.batches():
            for path, mean, logvar in zip(paths, *vae.encode(batch), strict=True):
                buffer = io.BytesIO()
                np.savez(buffer, mean=mean, logvar=logvar)
                outputs.write_bytes_at(places[path], buffer.getvalue())
    elif form != "npz":
        with outputs.stream(output) as file:
            for number, (paths, batch) in enumerate(pictures.batches()):
                rows = [
                    [path, *parts]
                    for path, *parts in zip(paths, *map(np.ndarray.tolist, vae.encode(batch)), strict=True)
                ]
                if form == "jsonl":
                    text = _lines(["path", "mean", "logvar"], rows, form, first=False)
                else:
                    numbers = range(vae.latent_size)
                    columns = ["path", *(f"{part}_{index}" for part in ("mean", "logvar") for index in numbers)]
                    text = _lines(
                        columns, [[path, *mean, *logvar] for path, mean, logvar in rows], form, first=not number
                    )
                file.write(text.encode("utf-8", "surrogateescape"))
    else:
        names, found = [], [Posterior(*np.empty((2, 0, vae.latent_size), np.float32))]
        for paths, batch in pictures.batches():
            names += paths
            found.append(vae.encode(batch))
        mean, logvar = (np.concatenate(parts) for parts in zip(*found, strict=True))
        buffer = io.BytesIO()
        np.savez(buffer, mean=mean, logvar=logvar, path=np.array(names, np.str_))
        outputs.write_bytes(output, buffer.getvalue())
    outputs.wrote(output, f"{pictures.done} latents")
    pictures.finish()


@click.command()
@_images
@output_option("A grid as FILE.png; the same tree as DIR/, or img-%04d.png; - for stdout.")
@click.option("--skip-existing", is_flag=True, help="With -o DIR/: leave out what is there already.")
@many_options
@model_options
def reconstruct(
    images: tuple[str, ...],
    output: str,
    skip_existing: bool,
    shard: tuple[int, int],
    errors: str | None,
    **choice: Any,
) -> None:
    """Show what the model keeps of pictures: originals over their reconstructions, or a folder of reconstructions.

    \b
    Example:
      vae reconstruct photos/ -o grid.png
    """
    outputs.check(output)
    vae = ModelChoice(**choice).open()
    pictures = Pictures(images, vae.manifest.image, shard=shard, errors=errors)
    if not outputs.is_many(output):
        if skip_existing:
            raise InputError("--skip-existing is for a folder of pictures: -o DIR/.")
        _write_pairs(output, vae, pictures)
    elif "%" in Path(output).name:
        for paths, batch in pictures.batches():
            outputs.write_each(output, vae.reconstruct(batch), first=pictures.done - len(paths))
    else:
        places = pictures.mirrored(output)
        if skip_existing:
            pictures.skip_existing(places)
        for paths, batch in pictures.batches():
            for path, image in zip(paths, vae.reconstruct(batch), strict=True):
                outputs.write_at(places[path], image)
    outputs.wrote(output, f"{pictures.done} reconstructions")
    pictures.finish()


@click.command()
@_images
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
    **choice: Any,
) -> None:
    """Score how strange pictures are, in nats: higher is stranger.

    With --false-alarm-rate also the p-value of each, and whether it is anomalous.

    \b
    Example:
      vae score photos/ --format csv > scores.csv
    """
    outputs.require_stdout("the scores go there: leave it open, or send it to a file with >")
    vae = ModelChoice(**choice).open()
    if (exit_code or two_sided) and rate is None:
        option = "--exit-code" if exit_code else "--two-sided"
        raise InputError(f"{option} needs --false-alarm-rate, which says what is anomalous.")
    if skip_existing and not maps:
        raise InputError("--skip-existing needs --maps DIR/, which says what is done already.")
    if maps and "-" in images:
        raise InputError("--maps needs files, for each picture is read a second time; standard input is gone by then.")
    known = f"{method}_tiled" if tile else method
    if rate is not None:
        _require_calibration(vae, known, rate / 2 if two_sided else rate)
    pictures = Pictures(images, vae.manifest.image, shard=shard, errors=errors)
    places = pictures.mirrored(maps) if maps else {}
    if skip_existing:
        pictures.skip_existing(places)
    columns = ["path", "score_nats", *(("p_value", "anomalous") if rate is not None else ())]
    anomalous = 0
    for number, (paths, scores) in enumerate((_scores_of_tiles if tile else _scores)(vae, pictures, method, places)):
        rows: list[list[Any]] = [[path, nats] for path, nats in zip(paths, scores.tolist(), strict=True)]
        if rate is not None:
            p_values = vae.p_value(scores, method=known, two_sided=two_sided)
            for row, p_value in zip(rows, p_values.tolist(), strict=True):
                row += [p_value, p_value <= rate]
                anomalous += p_value <= rate
        click.echo(_lines(columns, rows, form, first=number == 0), nl=False)
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


def _require_calibration(vae: VAE, method: str, rate: float) -> None:
    vae.p_value([0.0], method=method)
    known = len(vae.manifest.calibration[method])
    if rate * (known + 1) < 1:
        raise InputError(
            f"a false-alarm rate of {rate:g} needs {round(1 / rate) - 1} calibration pictures or more; "
            f"the model was calibrated with {known}."
        )


def _lines(columns: list[str], rows: list[list[Any]], form: str, *, first: bool) -> str:
    if form == "jsonl":
        return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    if form == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([columns, *rows] if first else rows)
        return buffer.getvalue()
    lines = []
    for path, nats, *verdict in rows:
        middle = f"  {verdict[0]:8.4f}  {'ANOMALOUS' if verdict[1] else '         '}" if verdict else ""
        lines.append(f"{nats:12.3f}{middle}  {path}\n")
    return "".join(lines)


def _write_pairs(output: str, vae: VAE, pictures: Pictures) -> None:
    """One picture: each row of originals over its row of reconstructions."""
    import numpy as np

    _, originals = pictures.all()
    reconstructions = vae.reconstruct(originals)
    columns = min(len(reconstructions), 16)
    rows = []
    for begin in range(0, len(reconstructions), columns):
        for part in (originals, reconstructions):
            row = part[begin : begin + columns]
            rows += [row, np.zeros((columns - len(row), *vae.image_shape), np.float32)]
    outputs.write_grid(output, np.concatenate(rows), columns=columns)
