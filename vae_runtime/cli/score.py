"""`vae score`: how strange pictures are, and where."""

from __future__ import annotations

import click

from ..console import say
from ..errors import InputError
from ..model.scores import SCORES, require_score
from .inputs import Inputs
from .maps import score_batches, score_windows
from .options import Many, ModelChoice, images_argument, many_options, model_options
from .outputs import require_stdout
from .verdicts import Alarm, write_scores

ANOMALOUS = 10  # exit code


METHODS = "; ".join(f"{name}: {score.help}" for name, score in SCORES.items()) + "."
USUAL = "  [default: elbo, or reconstruction where the model has no ELBO]"


@click.command()
@images_argument
@click.option("--method", type=click.Choice(list(SCORES)), help=METHODS + USUAL)
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
    method: str | None,
    rate: float | None,
    two_sided: bool,
    exit_code: bool,
    tile: bool,
    maps: str | None,
    skip_existing: bool,
    form: str,
    many: Many,
    model: ModelChoice,
) -> None:
    """Score how strange pictures are, in nats: higher is stranger.

    With --false-alarm-rate also the p-value of each, and whether it is anomalous.

    \b
    Example:
      vae score photos/ --format csv > scores.csv
    """

    require_stdout("the scores go there: leave it open, or send it to a file with >")
    _check_flags(images, rate, two_sided, exit_code, maps, skip_existing)
    vae = model.open()
    kind = require_score(vae.manifest, method, model.path)
    alarm = (
        None
        if rate is None
        else Alarm.of(vae, f"{kind.name}_tiled" if tile else kind.name, rate, two_sided, model.path)
    )
    inputs = Inputs(images, vae, many, built_in=model.built_in)
    places = inputs.claim_mirrored(maps, skip_existing=skip_existing) if maps else {}
    scores = (score_windows if tile else score_batches)(vae, inputs, kind.name, places)
    anomalous = write_scores(scores, form, alarm, unit=kind.unit_of(vae.manifest))
    if alarm:
        say(f"{anomalous} of {inputs.done} anomalous at a false-alarm rate of {alarm.rate:g}.")
    inputs.finish(ANOMALOUS if exit_code and anomalous else 0)


def _check_flags(
    images: tuple[str, ...], rate: float | None, two_sided: bool, exit_code: bool, maps: str | None, skip_existing: bool
) -> None:
    """Refuse options that need another one, before the model is opened."""
    if (exit_code or two_sided) and rate is None:
        option = "--exit-code" if exit_code else "--two-sided"
        raise InputError(f"{option} needs --false-alarm-rate, which says what is anomalous.")
    if skip_existing and not maps:
        raise InputError("--skip-existing needs --maps DIR/, which says what is done already.")
    if maps and "-" in images:
        raise InputError("--maps needs files, for each picture is read a second time; standard input is gone by then.")
